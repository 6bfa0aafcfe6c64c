import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError


@pytest.mark.parametrize(("side", "small"), [(28, 7), (32, 4), (64, 4)])
def test_layers_halve_down_to_a_small_image(side, small):
    z = jnp.ones((2, 16))
    generator = nn.DCGANGenerator(side=side, channels=1, width=2)
    shapes = jax.eval_shape(generator.init, jax.random.key(0), z)["params"]
    stages = {28: 2, 32: 3, 64: 4}[side]
    assert shapes["Dense_0"]["kernel"].shape == (16, small**2 * (2 << (stages - 1)))
    assert sum(name.startswith("ConvTranspose") for name in shapes) == stages
    x = jax.ShapeDtypeStruct((2, side, side, 1), jnp.float32)
    discriminator = nn.DCGANDiscriminator(width=2)
    shapes = jax.eval_shape(discriminator.init, jax.random.key(0), x)["params"]
    widest = 2 << (stages - 1)
    assert shapes["Dense_0"]["kernel"].shape == (small**2 * widest, 1)


def test_images_are_float32_within_the_unit_range_also_in_half_precision():
    generator = nn.DCGANGenerator(side=8, channels=3, width=4, dtype=jnp.bfloat16)
    z = 30 * jax.random.normal(jax.random.key(0), (4, 8))
    variables = generator.init(jax.random.key(1), z)
    network = nn.as_network(generator, user="test")
    x, new = network.train(variables, jax.random.key(2), z)
    assert (x.shape, x.dtype) == ((4, 8, 8, 3), jnp.float32)
    assert float(np.abs(x).max()) <= 1
    assert set(new) == {"batch_stats"}
    logits = nn.DCGANDiscriminator(width=4, norm=False, dtype=jnp.bfloat16)
    assert logits.apply(logits.init(jax.random.key(2), x), x).dtype == jnp.float32


@pytest.mark.parametrize("side", [3, 30, 36])
def test_another_side_is_a_sentence(side):
    message = f"4 to 7 times a power of 2, such as 28, 32 or 64, got {side}"
    with pytest.raises(InputError, match=message):
        nn.DCGANGenerator(side=side).init(jax.random.key(0), jnp.ones((1, 2)))
    with pytest.raises(InputError, match=message):
        nn.DCGANDiscriminator().init(jax.random.key(0), jnp.ones((1, side, side, 1)))


def test_a_generator_needs_a_layer_to_grow_by():
    with pytest.raises(InputError, match="side must be at least 8, got 4"):
        nn.DCGANGenerator(side=4).init(jax.random.key(0), jnp.ones((1, 2)))
