import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from genjax.errors import InputError
from genjax.receptive_field import effective

LAYOUT = ("NHWC", "HWIO", "NHWC")


def stack(layers):
    def network(kernel, x):
        for _ in range(layers):
            x = lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT
            )
        return x

    return network


@pytest.mark.parametrize(
    ("layers", "width"), [(5, 8.31), (10, 11.70), (20, 16.16), (40, 22.74)]
)
def test_uniform_stacks_have_the_published_width(layers, width):
    x, kernel = jnp.ones((1, 101, 101, 1)), jnp.ones((3, 3, 1, 1))
    found = effective(stack(layers), kernel, x, (50, 50))
    assert found.width == pytest.approx(width, abs=0.01)
    deviation = np.sqrt(layers * 2 / 3)
    np.testing.assert_allclose(found.deviations, deviation, rtol=1e-3)
    assert found.share == pytest.approx(width / (2 * layers + 1), abs=0.01)


def test_draws_have_parameters_of_their_own():
    keys = jax.random.split(jax.random.key(0), 3)
    kernels = jax.vmap(lambda k: jax.random.normal(k, (3, 3, 2, 2)))(keys)
    x = jax.random.normal(jax.random.key(1), (3, 9, 9, 2))
    found = effective(stack(2), kernels, x, (4, 4), each=True)
    alone = [
        effective(stack(2), kernel, image[None], (4, 4)).map
        for kernel, image in zip(kernels, x, strict=True)
    ]
    expected = np.sqrt(np.mean(np.square(alone), axis=0))
    np.testing.assert_allclose(found.map, expected, rtol=1e-4, atol=1e-6)


def test_bad_input_is_a_sentence():
    x = jnp.ones((1, 9, 9, 1))
    with pytest.raises(InputError, match=r"a place in the output \(9, 9\)"):
        effective(stack(1), jnp.ones((3, 3, 1, 1)), x, (9, 0))
    with pytest.raises(InputError, match="does not move with x"):
        effective(lambda p, x: p * x, 0.0, x, (1, 1))
