import jax
import numpy as np
import pytest
from scipy import stats

from genjax.densities import standard_normal, tempered
from genjax.errors import InputError


def test_a_tempered_normal_is_a_narrower_normal():
    cool = tempered(standard_normal((3,)), temperature=0.5)
    x, log_prob = cool.sample({}, jax.random.key(0), 2000)
    wanted = stats.norm(scale=0.5).logpdf(np.asarray(x)).sum(axis=1)
    np.testing.assert_allclose(log_prob, wanted, rtol=1e-5)
    np.testing.assert_allclose(cool.log_prob({}, x), wanted, rtol=1e-5)
    assert abs(float(x.std()) - 0.5) < 0.02


def test_temperatures_are_positive():
    with pytest.raises(InputError, match="temperature must be positive, got 0"):
        tempered(standard_normal((3,)), temperature=0.0)
