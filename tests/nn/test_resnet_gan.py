import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn


@pytest.mark.parametrize("norm", [False, True])
def test_a_generator_makes_images_with_and_without_statistics(norm):
    generator = nn.ResNetGenerator(side=16, channels=3, width=4, norm=norm)
    z = jax.random.normal(jax.random.key(0), (2, 8))
    variables = generator.init(jax.random.key(1), z)
    assert ("batch_stats" in variables) is norm
    network = nn.as_network(generator, user="test")
    x, _ = network.train(variables, jax.random.key(2), z)
    assert x.shape == (2, 16, 16, 3)
    assert float(jnp.std(x)) > 1e-3


def test_without_normalisation_a_block_starts_as_its_shortcut():
    """The last convolution of each block is zero: the output is that of no block."""
    module = nn.ResNetDiscriminator(width=4, activation=lambda x: x)
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    variables = module.init(jax.random.key(1), x)
    params = variables["params"]
    stem = jax.lax.conv_general_dilated(
        x,
        params["Conv_0"]["kernel"],
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    pooled = stem.reshape(2, 4, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(2, -1)
    np.testing.assert_allclose(
        module.apply(variables, x), pooled @ params["Dense_0"]["kernel"], atol=1e-5
    )


def test_a_look_at_the_batch_adds_a_channel():
    x = jnp.ones((4, 8, 8, 1))
    plain, looking = (
        jax.eval_shape(
            nn.ResNetDiscriminator(width=4, group=group).init, jax.random.key(0), x
        )["params"]["Dense_0"]["kernel"].shape[0]
        for group in (1, 4)
    )
    assert (plain, looking) == (4 * 4 * 4, 4 * 4 * 5)
