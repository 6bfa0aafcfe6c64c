import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.densities import diagonal_normal, standard_normal
from genjax.errors import InputError


def test_log_prob_is_scipys():
    x = jax.random.normal(jax.random.key(0), (9, 3))
    params = {"mean": jnp.array([0.0, 1, -2]), "log_scale": jnp.array([0.0, 0.5, -1])}
    expected = stats.norm.logpdf(x, params["mean"], np.exp(params["log_scale"])).sum(1)
    np.testing.assert_allclose(
        diagonal_normal((3,)).log_prob(params, x), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        standard_normal((3,)).log_prob({}, x), stats.norm.logpdf(x).sum(1), rtol=1e-5
    )


def test_init_takes_the_moments():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (1000, 1))
    params = diagonal_normal((1,)).init(jax.random.key(1), x)
    np.testing.assert_allclose(params["mean"], x.mean(0))
    np.testing.assert_allclose(jnp.exp(params["log_scale"]), x.std(0), rtol=1e-5)


def test_another_shape_is_refused():
    with pytest.raises(InputError, match=r"\(3,\), got \(2,\)"):
        standard_normal((3,)).log_prob({}, jnp.zeros((1, 2)))
