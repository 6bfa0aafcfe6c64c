import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.flows import (
    affine,
    alternating_mask,
    checkerboard_mask,
    coupling,
    masked_coupling,
    rational_quadratic_spline,
    repeat,
)
from tests.laws.instances import conditioner


def test_first_features_pass_and_scales_are_bounded():
    layer = coupling(affine(max_log_scale=1.5), conditioner(), split=2)
    x = 100 * jax.random.normal(jax.random.key(0), (50, 4))
    params = layer.init(jax.random.key(1), x)
    y, log_det = layer.forward(params, x)
    np.testing.assert_array_equal(y[:, :2], x[:, :2])
    assert float(np.abs(log_det).max()) <= 2 * 1.5 + 1e-5


@pytest.mark.parametrize("split", [0, 4, -1])
def test_split_must_leave_both_sides(split):
    layer = coupling(affine(), conditioner(), split=split)
    with pytest.raises(InputError, match=f"between 1 and dim - 1 = 3, got {split}"):
        layer.init(jax.random.key(0), jnp.zeros((2, 4)))


def test_network_of_another_width_is_refused():
    layer = coupling(affine(), conditioner(3), split=2)
    x = jnp.zeros((2, 4))
    params = layer.init(jax.random.key(0), x)
    with pytest.raises(InputError, match=r"\(2, 4\), got \(2, 3\)"):
        layer.forward(params, x)


def test_a_mask_keeps_what_it_covers():
    mask = checkerboard_mask(2, 4)
    layer = masked_coupling(affine(), conditioner(2), mask=mask)
    x = jax.random.normal(jax.random.key(0), (3, 2, 4, 1))
    condition = jnp.ones((3, 2))
    params = jax.jit(layer.init)(jax.random.key(1), x, condition)
    y, _ = layer.forward(params, x, condition)
    np.testing.assert_array_equal(y[:, mask], x[:, mask])
    assert bool((y[:, ~mask] != x[:, ~mask]).all())


def test_masks_have_two_halves():
    for make in (
        lambda first: alternating_mask(5, first=first),
        lambda first: checkerboard_mask(3, 2, first=first),
    ):
        assert (make(True) ^ make(False)).all()


def test_a_mask_that_does_not_fit_is_refused():
    x = jnp.ones((2, 4))
    network = conditioner(8)
    layer = masked_coupling(affine(), network, mask=alternating_mask(3))
    with pytest.raises(InputError, match=r"shape \(3,\) does not fit.*\(4,\)"):
        layer.init(jax.random.key(0), x)
    layer = masked_coupling(affine(), network, mask=np.ones(4, bool))
    with pytest.raises(InputError, match="keep some entries and not others, got 4 of"):
        layer.init(jax.random.key(0), x)


def test_a_bfloat16_conditioner_keeps_the_inverse_and_float32_log_dets():
    network = nn.MLP(features=22, hidden=(8,), dtype=jnp.bfloat16)
    layer = coupling(rational_quadratic_spline(bins=4), network, split=2)
    x = jax.random.normal(jax.random.key(0), (5, 4))
    params = layer.init(jax.random.key(1), x)
    y, log_det = layer.forward(params, x)
    assert y.dtype == log_det.dtype == jnp.float32
    np.testing.assert_allclose(layer.inverse(params, y)[0], x, atol=1e-5)


def test_a_deep_stack_of_networks_of_zeros_begins_as_the_identity():
    network = nn.MLP(features=4, hidden=(8,), output_init=jax.nn.initializers.zeros)
    deep = repeat(coupling(affine(), network, split=2), 64)
    x = jax.random.normal(jax.random.key(0), (5, 4))
    y, log_det = jax.jit(deep.forward)(jax.jit(deep.init)(jax.random.key(1), x), x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log_det, 0)
