import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.receptive_field import receptive_field

IMAGE = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)


def test_the_published_size():
    # torchvision's ResNet-50 has 25,557,032 parameters, 2,049,000 of the classifier.
    module = nn.BottleneckBackbone(levels=4)
    found, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), IMAGE)
    count = sum(x.size for x in jax.tree.leaves(variables["params"]))
    assert count == 25_557_032 - 2_049_000
    assert [x.shape[1:] for x in found] == [
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]


def test_frozen_norms_are_no_parameters_and_use_their_moments():
    module = nn.BottleneckBackbone(blocks=(1, 1), width=4, levels=2, norm=nn.FrozenNorm)
    x = jax.random.normal(jax.random.key(1), (1, 16, 16, 3))
    variables = jax.jit(module.init)(jax.random.key(0), x)
    names = {
        path[-1].key
        for path, _ in jax.tree_util.tree_leaves_with_path(variables["params"])
    }
    assert names == {"kernel"}
    moved = {
        **variables,
        "batch_stats": jax.tree.map(lambda v: v + 1, variables["batch_stats"]),
    }
    assert (
        np.abs(module.apply(moved, x)[0] - module.apply(variables, x)[0]).max() > 1e-3
    )


def test_images_that_cannot_be_halved_are_a_sentence():
    with pytest.raises(InputError, match="multiples of 32, got 48 x 64"):
        nn.BottleneckBackbone(width=4).init(jax.random.key(0), jnp.ones((1, 48, 64, 3)))


def test_edges_are_padded_evenly():
    # 7 + 2 (3 - 1) + 4 (3 - 1) pixels, 3 + 2 + 4 of them before the edge.
    module = nn.BottleneckBackbone(blocks=(1,), width=4, levels=1)
    variables = jax.eval_shape(module.init, jax.random.key(0), IMAGE)
    (field,) = receptive_field(lambda x, v: module.apply(v, x), IMAGE.shape, variables)
    assert (field.size[0], field.stride[0], field.padding[0]) == (19, 4, 9)
