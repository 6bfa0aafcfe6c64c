import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import linear_sum_assignment

from genjax.errors import InputError
from genjax.flow_matching import (
    cosine_path,
    linear_path,
    logit_normal_times,
    mode_times,
    optimal_pairs,
    polynomial_path,
    u_shaped_times,
    uniform_times,
    variance_preserving_path,
)

KEY = jax.random.key(0)
PATHS = {
    "linear": linear_path,
    "cosine": cosine_path(),
    "variance_preserving": variance_preserving_path(),
    "polynomial": polynomial_path(exponent=3.0),
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_paths_lead_from_noise_to_data_at_the_speed_they_state(path):
    noise, data = jax.random.normal(KEY, (2, 5, 3))
    np.testing.assert_allclose(path(noise, data, jnp.zeros(5))[0], noise, atol=0.03)
    np.testing.assert_allclose(path(noise, data, jnp.ones(5))[0], data, atol=0.01)
    t, step = jnp.linspace(0.1, 0.9, 5), 1e-3
    ahead, behind = (path(noise, data, t + s)[0] for s in (step, -step))
    speed = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(path(noise, data, t)[1], speed, atol=5e-3)


@pytest.mark.parametrize("name", ["cosine", "variance_preserving"])
def test_two_paths_keep_the_variance(name):
    one = jnp.ones((4, 1))
    t = jnp.linspace(0.0, 0.99, 4)
    a = PATHS[name](0 * one, one, t)[0]
    b = PATHS[name](one, 0 * one, t)[0]
    np.testing.assert_allclose(a**2 + b**2, 1, atol=1e-5)


def test_logit_normal_times_follow_their_law():
    uniform = np.asarray(uniform_times()(KEY, 20_000))
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    times = np.asarray(logit_normal_times(mean=0.5, scale=0.8)(KEY, 20_000))
    logits = np.log(times) - np.log1p(-times)
    assert stats.kstest((logits - 0.5) / 0.8, "norm").pvalue > 1e-3
    with pytest.raises(InputError, match="scale must be positive, got 0"):
        logit_normal_times(scale=0.0)


def test_u_shaped_times_follow_their_law():
    times = np.asarray(u_shaped_times(sharpness=4.0)(KEY, 20_000))
    grid = np.linspace(0, 1, 1001)
    mass = integrate.cumulative_trapezoid(np.cosh(4 * (grid - 0.5)), grid, initial=0)
    found = np.searchsorted(np.sort(times), grid) / len(times)
    assert np.abs(found - mass / mass[-1]).max() < 0.015


def test_mode_times_without_weight_are_uniform_and_lean_by_their_scale():
    for scale, variance in ((0.0, 1 / 12), (1.29, None), (-0.5, None)):
        times = np.asarray(mode_times(scale=scale)(KEY, 20_000))
        assert 0 <= times.min() <= times.max() <= 1
        if variance is not None:
            assert times.var() == pytest.approx(variance, rel=0.03)
    spread = [float(mode_times(scale=s)(KEY, 20_000).var()) for s in (1.29, -0.5)]
    assert spread[0] < 1 / 12 < spread[1]


def test_optimal_pairs_are_those_of_scipy():
    noise, data = jax.random.normal(KEY, (2, 32, 3))
    paired = jax.jit(optimal_pairs)(noise, data)
    cost = np.square(np.asarray(data)[:, None] - np.asarray(noise)[None]).sum(2)
    rows, columns = linear_sum_assignment(cost)
    np.testing.assert_allclose(paired[rows], noise[columns], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: u_shaped_times(sharpness=0.0), "sharpness must be positive"),
        (lambda: mode_times(scale=2.0), "scale must be between -1 and 1.752"),
        (lambda: polynomial_path(exponent=0.5), "exponent must be at least 1"),
        (
            lambda: variance_preserving_path(lowest=3.0, highest=1.0),
            "must increase from above 0, got 3.0 and 1.0",
        ),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_optimal_pairs_far_from_the_origin():
    key_noise, key_data = jax.random.split(jax.random.key(0))
    noise = jax.random.normal(key_noise, (64, 2))
    data = jax.random.normal(key_data, (64, 2))
    near, far = optimal_pairs(noise, data), optimal_pairs(noise, data + 1000)
    np.testing.assert_array_equal(near, far)
