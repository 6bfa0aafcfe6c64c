import jax
import numpy as np
import pytest
from scipy import integrate, stats

from genjax.errors import InputError
from genjax.flow_matching import (
    logit_normal_times,
    mode_times,
    u_shaped_times,
    uniform_times,
)

KEY = jax.random.key(0)


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


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="sharpness must be positive"):
        u_shaped_times(sharpness=0.0)
    with pytest.raises(InputError, match=r"scale must be between -1 and 1\.752"):
        mode_times(scale=2.0)
