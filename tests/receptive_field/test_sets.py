import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from experiments.receptive_field.zoo import conv
from genjax import nn
from genjax.errors import InputError
from genjax.receptive_field import (
    dependency,
    impulse_response,
    is_autoregressive,
    support,
)

LAYOUT = ("NHWC", "HWIO", "NHWC")


def dilated(x):
    return lax.conv_general_dilated(
        x,
        jnp.ones((3, 3, 1, 1)),
        (1, 1),
        "SAME",
        rhs_dilation=(3, 3),
        dimension_numbers=LAYOUT,
    )


@pytest.mark.parametrize("network", [dilated, lambda x: conv(dilated(x), 1, 2)])
def test_a_support_is_what_impulses_show(network):
    shape, unit = (1, 15, 15, 1), (7, 8)
    found = support(network, shape, unit)
    np.testing.assert_array_equal(found.mask, impulse_response(network, shape, unit))
    assert found.is_exact
    assert found.share < 1


def test_what_is_no_product_is_told():
    def cross(x):
        return jnp.roll(x, 2, 1) + jnp.roll(x, 2, 2)

    found = support(cross, (1, 9, 9, 1), (4, 4))
    assert not found.is_exact
    assert found.mask.sum() == 4  # two of them are seen


def test_a_large_support_is_cheap():
    found = support(lambda x: dilated(dilated(x)), (1, 512, 512, 1), (200, 300))
    assert found.mask.sum() == 25


def random_function(rng):
    """A small function of six numbers, without windows of a pooling."""
    # No row is 0, so that no value is known to be.
    matrix = (rng.integers(0, 2, (6, 6)) | np.eye(6, dtype=int)) * rng.normal(
        size=(6, 6)
    )
    steps = rng.choice(["product", "shift", "sum", "slice", "outer", "mask"], 3)
    keep = rng.integers(0, 2, 6).astype(bool)

    def function(x):
        for step in steps:
            if step == "product":
                x = jnp.asarray(matrix, jnp.float32) @ x
            elif step == "shift":
                x = jnp.roll(x, 1) * x
            elif step == "sum":
                x = jnp.cumsum(x)
            elif step == "slice":
                x = jnp.concatenate([x[3:], x[:3] ** 2])
            elif step == "outer":
                x = (x[:, None] * x[None, ::-1]).reshape(6, 2, 3).sum(axis=(1, 2))
            else:
                x = jnp.where(keep, x, 0.0)
        return x

    function.is_masked = "mask" in steps
    return function


def test_a_dependency_holds_the_pattern_of_the_jacobian():
    rng = np.random.default_rng(0)
    for _ in range(10):
        function = random_function(rng)
        points = jnp.asarray(rng.normal(size=(3, 6)), jnp.float32)
        jacobian = np.asarray(jax.vmap(jax.jacfwd(function))(points))
        assert not ((jacobian != 0).any(axis=0) & ~dependency(function, (6,))).any()


def test_a_dependency_is_the_pattern_that_asdex_finds():
    asdex = pytest.importorskip("asdex", reason="no asdex: sync the group benchmarks")
    rng, x = np.random.default_rng(1), jnp.zeros(6)
    for _ in range(100):
        function = random_function(rng)
        theirs = asdex.jacobian_sparsity(function, x).todense().astype(bool)
        ours = dependency(function, (6,))
        assert not (ours & ~theirs).any()
        if not function.is_masked:  # asdex does not follow products with a known zero
            np.testing.assert_array_equal(ours, theirs)


def test_an_order_of_ones_own():
    network = nn.MaskedMLP(features=1, hidden=(8,), order=(2, 0, 1))
    x = jax.ShapeDtypeStruct((1, 3), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), x)

    def outputs(x, variables):
        return network.apply(variables, x[None])[0]

    # The module takes the place of each variable: 1 comes first, then 2, then 0.
    assert is_autoregressive(outputs, 3, variables, order=(1, 2, 0))
    assert not is_autoregressive(outputs, 3, variables)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="must return one array, got 2"):
        dependency(lambda x: (x, x), (3,))
    with pytest.raises(InputError, match="got 4 elements"):
        is_autoregressive(lambda x: jnp.zeros(4), 3)
    with pytest.raises(InputError, match=r"the output \(1, 1\) lacks axes"):
        support(lambda x: x.mean(axis=(1, 2)), (1, 9, 9, 1), (0, 0))
    with pytest.raises(InputError, match="sees nothing of the input"):
        support(jnp.zeros_like, (1, 9, 9, 1), (0, 0))
    with pytest.raises(InputError, match=r"a place in the output \(9, 9\)"):
        support(dilated, (1, 9, 9, 1), (9, 9))
