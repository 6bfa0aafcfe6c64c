import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.densities import gaussian_grid
from genjax.errors import InputError
from genjax.metrics import energy_distance, mode_coverage

TICKS = 2.0 * np.arange(-2, 3)
GRID = jnp.asarray(np.stack(np.meshgrid(TICKS, TICKS), -1).reshape(-1, 2), jnp.float32)


def test_true_samples_reach_the_published_ceiling():
    keys = jax.random.split(jax.random.key(0), 40)

    def one(key):
        x, _ = gaussian_grid().sample({}, key, 2500)
        return mode_coverage(x, GRID, scale=0.05)

    found = jax.lax.map(one, keys)
    np.testing.assert_array_equal(found.modes, 25)
    np.testing.assert_allclose(found.high_quality.mean(), 1 - np.exp(-4.5), atol=2e-3)
    np.testing.assert_allclose(found.reverse_kl.mean(), 24 / 5000, rtol=0.15)


def test_one_mode_and_none():
    alone = mode_coverage(jnp.zeros((50, 2)), GRID, scale=0.05)
    assert [float(v) for v in alone] == [1.0, 1.0, pytest.approx(np.log(25))]
    nothing = mode_coverage(jnp.full((50, 2), 0.9), GRID, scale=0.05)
    assert [float(v) for v in nothing] == [0.0, 0.0, pytest.approx(np.log(25))]
    with pytest.raises(InputError, match="scale must be positive"):
        mode_coverage(jnp.zeros((5, 2)), GRID, scale=0.0)


def test_energy_distance_is_scipys_on_the_line():
    x = jax.random.normal(jax.random.key(0), (200, 1))
    y = 0.5 + jax.random.normal(jax.random.key(1), (150, 1))
    wanted = stats.energy_distance(np.ravel(x), np.ravel(y)) ** 2
    np.testing.assert_allclose(energy_distance(x, y), wanted, atol=1e-5)
    gradient = jax.grad(energy_distance)(x, y)
    assert np.all(np.isfinite(gradient))


def test_half_precision_is_measured_in_float32():
    x = 300 * jax.random.normal(jax.random.key(0), (600, 8)).astype(jnp.float16)
    y = x + jnp.float16(30)
    wide = energy_distance(x.astype(jnp.float32), y.astype(jnp.float32))
    np.testing.assert_allclose(energy_distance(x, y), wide, rtol=1e-6)


def test_samples_that_are_nan_are_no_samples():
    x = jnp.ones((5, 2)).at[3, 1].set(jnp.nan)
    assert np.isnan(energy_distance(jnp.ones((5, 2)), x))
    for value in mode_coverage(x, jnp.eye(2), scale=1.0):
        assert np.isnan(value)
