import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from genjax import nn
from genjax.errors import InputError

SHAPES = pytest.mark.parametrize(
    ("kernel", "strides", "size"),
    [
        ((4, 4), (2, 2), (5, 6)),
        ((3, 3), (2, 2), (4, 4)),
        ((5, 5), (1, 1), (6, 6)),
        ((2, 3), (3, 2), (3, 4)),
        ((1, 1), (2, 2), (3, 3)),
    ],
)
KINDS = pytest.mark.parametrize(
    ("reference", "ours"),
    [(linen.Conv, nn.Conv), (linen.ConvTranspose, nn.ConvTranspose)],
    ids=["conv", "conv_transpose"],
)


@KINDS
@SHAPES
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_convolutions_are_flaxs_to_the_second_order(
    padding, kernel, strides, size, reference, ours
):
    if padding == "VALID" and reference is linen.Conv:
        size = tuple(map(max, size, kernel))
    x = jax.random.normal(jax.random.key(0), (2, *size, 3))
    fields = {"kernel_size": kernel, "strides": strides, "padding": padding}
    flax, own = reference(2, **fields), ours(features=2, **fields)
    variables = flax.init(jax.random.key(1), x)
    assert_same_to_second_order(
        lambda x, v: flax.apply(v, x), lambda x, v: own.apply(v, x), x, variables
    )


@pytest.mark.parametrize(
    ("window", "strides", "padding"),
    [
        ((2, 2), (2, 2), "VALID"),
        ((2, 2), (2, 2), "SAME"),
        ((3, 3), (2, 2), "SAME"),
        ((3, 2), (1, 2), "VALID"),
    ],
)
def test_max_pool_is_flaxs_with_ties_to_the_second_order(window, strides, padding):
    key_x, key_w = jax.random.split(jax.random.key(0))
    # After a ReLU, many windows hold the same zero several times.
    x = jax.nn.relu(jax.random.normal(key_x, (2, 7, 6, 3)))
    w = jax.random.normal(key_w, (3,))

    def reference(x, w):
        weighted = x * w[None, None, None]
        return linen.max_pool(weighted, window, strides, padding)

    def ours(x, w):
        weighted = x * w[None, None, None]
        return nn.max_pool(weighted, window, strides=strides, padding=padding)

    np.testing.assert_array_equal(reference(x, w), ours(x, w))
    ones = jnp.ones((3,))
    assert_same_to_second_order(reference, ours, x, ones)


def assert_same_to_second_order(reference, ours, x, variables):
    weights = jax.random.normal(jax.random.key(5), reference(x, variables).shape)

    def penalty(function):
        def loss(x, variables):
            return (jnp.sin(function(x, variables)) * weights).sum()

        def norm(x, variables):
            return (jax.grad(loss)(x, variables) ** 2).sum()

        first = jax.grad(loss, (0, 1))(x, variables)
        return function(x, variables), first, jax.grad(norm, (0, 1))(x, variables)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4, rtol=1e-4),
        penalty(reference),
        penalty(ours),
    )


def test_nan_is_passed_on():
    x = jnp.zeros((1, 2, 2, 1)).at[0, 0, 1, 0].set(jnp.nan)
    assert np.isnan(nn.max_pool(x, (2, 2))).all()


def test_another_padding_is_refused():
    with pytest.raises(InputError, match="got 'CIRCULAR'"):
        nn.max_pool(jnp.zeros((1, 2, 2, 1)), (2, 2), padding="CIRCULAR")
    kernel = jnp.zeros((2, 2, 1, 1))
    with pytest.raises(InputError, match="got 'CIRCULAR'"):
        nn.conv_transpose(
            jnp.zeros((1, 2, 2, 1)), kernel, strides=(2, 2), padding="CIRCULAR"
        )
