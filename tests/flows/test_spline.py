import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import (
    bernstein_polynomial,
    bounded_rational_quadratic_spline,
    circular_rational_quadratic_spline,
    cubic_spline,
    linear_spline,
    quadratic_spline,
    rational_quadratic_spline,
)

SPLINES = {
    "rational_quadratic": rational_quadratic_spline(bins=8),
    "bounded": bounded_rational_quadratic_spline(bins=8),
    "linear": linear_spline(bins=8),
    "quadratic": quadratic_spline(bins=8),
    "cubic": cubic_spline(bins=8),
}
each = pytest.mark.parametrize("spline", SPLINES.values(), ids=SPLINES.keys())


def raws(spline, spread, n=20_000):
    """Normal logits, and the corners of the cube [-20, 20]^n."""
    key = jax.random.key(0)
    normal = spread * jax.random.normal(key, (spline.size, n))
    corners = 20.0 * jax.random.rademacher(key, (spline.size, n), jnp.float32)
    return jnp.concatenate([jnp.clip(normal, -20, 20), corners], axis=1)


def backward_error(spline, raw):
    """How far the found x is from solving f(x) = y, in y or in x, whichever is less."""
    y = jax.random.uniform(
        jax.random.key(2), raw.shape[1:], minval=-3.999, maxval=3.999
    )
    x, _ = jax.jit(spline.inverse)(raw, y)
    found, log_slope = jax.jit(spline.forward)(raw, x)
    assert np.isfinite(x).all()
    return float((jnp.abs(found - y) / jnp.maximum(1.0, jnp.exp(log_slope))).max())


@pytest.mark.parametrize("spread", [1.0, 6.0, 20.0])
@pytest.mark.parametrize("name", ["rational_quadratic", "bounded"])
def test_the_backward_error_is_small_for_all_logits(name, spread):
    spline = SPLINES[name]
    assert backward_error(spline, raws(spline, spread)) <= 1e-5


@pytest.mark.parametrize("spread", [1.0, 6.0, 20.0])
def test_a_bounded_spline_always_comes_back(spread):
    spline = SPLINES["bounded"]
    raw = raws(spline, spread)
    x = jax.random.uniform(jax.random.key(1), raw.shape[1:], minval=-4, maxval=4)
    y, _ = jax.jit(spline.forward)(raw, x)
    back, _ = jax.jit(spline.inverse)(raw, y)
    assert float(np.abs(back - x).max()) <= 1e-3


@each
def test_gradients_are_finite_at_the_knots_at_the_ends_and_beyond(spline):
    x = np.float32([-9.0, -4.0, -3.9999998, -1.0, 0.0, 1.0, 3.9999998, 4.0, 9.0])
    for function in (spline.forward, spline.inverse):

        def total(raw, x, function=function):
            return sum(part.sum() for part in function(raw, x))

        gradients_of = jax.jit(jax.grad(total, argnums=(0, 1)))
        for level in (-20.0, -1.0, 0.0, 1.0, 20.0):
            raw = np.full((spline.size, len(x)), level, np.float32)
            raw[::2] *= -1
            assert all(np.isfinite(g).all() for g in gradients_of(raw, x))


@each
def test_the_tails_are_the_identity_and_the_spline_increases(spline):
    raw = 2 * jax.random.normal(jax.random.key(0), (spline.size, 1))
    x = jnp.linspace(-5.0, 5.0, 4001)
    y, log_slope = spline.forward(jnp.broadcast_to(raw, (spline.size, 4001)), x)
    outside = jnp.abs(x) >= 4
    np.testing.assert_array_equal(y[outside], x[outside])
    np.testing.assert_array_equal(log_slope[outside], 0)
    assert bool((jnp.diff(y) >= 0).all())


@pytest.mark.parametrize(
    "name", ["rational_quadratic", "bounded", "linear", "quadratic"]
)
def test_zeros_are_the_identity(name):
    spline = SPLINES[name]
    x = jnp.linspace(-5.0, 5.0, 101)
    y, log_slope = spline.forward(jnp.zeros((spline.size, 101)), x)
    np.testing.assert_allclose(y, x, atol=1e-5)
    np.testing.assert_allclose(log_slope, 0, atol=1e-4)


def test_a_circular_spline_is_smooth_across_the_cut():
    spline = circular_rational_quadratic_spline(bins=4)
    raw = jax.random.normal(jax.random.key(0), (12, 1))
    ends = jnp.array([-jnp.pi + 1e-6, jnp.pi - 1e-6])
    raw = jnp.broadcast_to(raw, (12, 2))
    y, log_slope = spline.forward(raw, ends)
    np.testing.assert_allclose(y, ends, atol=1e-4)
    np.testing.assert_allclose(log_slope[0], log_slope[1], atol=1e-3)
    assert spline.forward(raw, jnp.array([4.0, -4.0]))[1].tolist() == [-np.inf] * 2


def test_a_bernstein_polynomial_of_even_steps_is_the_identity():
    x = jnp.linspace(-3.9, 3.9, 11)
    y, _ = bernstein_polynomial(degree=5).forward(jnp.zeros((5, 11)), x)
    np.testing.assert_allclose(y, x, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: rational_quadratic_spline(bins=0), "bins must be at least 1, got 0"),
        (lambda: cubic_spline(bins=2, bound=-1.0), "bound must be positive, got -1.0"),
        (lambda: linear_spline(bins=600), "at most 499 bins, got 600"),
        (lambda: bernstein_polynomial(degree=0), "degree must be between 1 and 100"),
        (
            lambda: bounded_rational_quadratic_spline(bins=2, max_logit=0.0),
            "max_logit must be positive",
        ),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_circular_spline_has_its_own_slope_at_the_cut():
    spline = circular_rational_quadratic_spline(bins=4)
    raw = jax.random.normal(jax.random.key(0), (12, 2))
    ends = jnp.array([-math.pi, math.pi], jnp.float32)
    inside = jnp.array([-math.pi, math.pi], jnp.float32) * (1 - 1e-6)
    at_ends = spline.forward(raw[:, :1].repeat(2, axis=1), ends)[1]
    near = spline.forward(raw[:, :1].repeat(2, axis=1), inside)[1]
    np.testing.assert_allclose(at_ends, near, atol=1e-4)
