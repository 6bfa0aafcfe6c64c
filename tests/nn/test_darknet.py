import jax
import jax.numpy as jnp
import pytest

from genjax import nn
from genjax.errors import InputError

IMAGE = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)


def parameters(module):
    shapes = jax.eval_shape(module.init, jax.random.key(0), IMAGE)
    return sum(x.size for x in jax.tree.leaves(shapes["params"]))


def test_the_published_sizes():
    # With 1,024 x 1,000 weights and 1,000 biases of a classifier: 20.84 and 41.61
    # million, those of the published weights.
    classifier = 1_025_000
    assert parameters(nn.Darknet19()) + classifier == 20_842_376
    assert parameters(nn.Darknet53()) + classifier == 41_609_928
    assert parameters(nn.Darknet53(cross_stage=True)) < 0.7 * parameters(nn.Darknet53())


def test_strides_of_the_levels():
    for module in (nn.Darknet19(levels=3), nn.Darknet53(cross_stage=True)):
        found = jax.eval_shape(module.init_with_output, jax.random.key(0), IMAGE)[0]
        assert [x.shape for x in found] == [
            (1, 8, 8, 256),
            (1, 4, 4, 512),
            (1, 2, 2, 1024),
        ]


def test_images_that_cannot_be_halved_are_a_sentence():
    for module in (nn.Darknet19(width=4), nn.Darknet53(width=4)):
        with pytest.raises(InputError, match="multiples of 32, got 48 x 64"):
            module.init(jax.random.key(0), jnp.ones((1, 48, 64, 3)))
