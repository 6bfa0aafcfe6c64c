import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.base import Moments
from genjax.densities import diagonal_normal, kl_divergence, standard_normal
from genjax.errors import InputError


def test_log_prob_is_scipys():
    x = jax.random.normal(jax.random.key(0), (9, 3))
    params = {"mean": jnp.array([0.0, 1, -2]), "log_scale": jnp.array([0.0, 0.5, -1])}
    expected = stats.norm.logpdf(x, params["mean"], np.exp(params["log_scale"])).sum(1)
    np.testing.assert_allclose(
        diagonal_normal((3,)).log_prob({"params": params}, x), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        standard_normal((3,)).log_prob({}, x), stats.norm.logpdf(x).sum(1), rtol=1e-5
    )


def test_init_takes_the_moments():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (1000, 1))
    params = diagonal_normal((1,)).init(jax.random.key(1), x)["params"]
    np.testing.assert_allclose(params["mean"], x.mean(0))
    np.testing.assert_allclose(jnp.exp(params["log_scale"]), x.std(0), rtol=1e-5)


def test_the_divergence_is_the_integral_of_the_log_ratio():
    first = {
        "params": {"mean": jnp.array([0.3, -1.0]), "log_scale": jnp.array([0.2, -0.5])}
    }
    second = {
        "params": {"mean": jnp.array([0.0, 1.0]), "log_scale": jnp.array([0.4, 0.1])}
    }
    model = diagonal_normal((2,))
    found = kl_divergence(model.moments(first), model.moments(second))
    x, log_p = model.sample(first, jax.random.key(0), 200_000)
    ratio = log_p - model.log_prob(second, x)
    error = 4 * float(ratio.std()) / np.sqrt(200_000)
    assert abs(float(found[0] - ratio.mean())) < error


def test_the_divergence_of_equals_is_zero_and_never_negative():
    scales = jnp.array([[0.0, 1e-7, -1e-4, 6.0]])
    zeros = Moments(jnp.zeros((1, 4)), jnp.zeros((1, 4)))
    near = kl_divergence(Moments(zeros.mean, scales.T @ jnp.ones((1, 4))), zeros)
    assert float(near[0]) == 0.0
    assert bool((near >= 0).all())


def test_another_shape_is_refused():
    with pytest.raises(InputError, match=r"\(3,\), got \(2,\)"):
        standard_normal((3,)).log_prob({}, jnp.zeros((1, 2)))


@pytest.mark.parametrize(
    "log_scale", [2.5e-5, 1e-4, -1e-3, 0.02, -0.06, 0.2, -0.3, 5.0]
)
def test_a_divergence_keeps_its_digits_near_0(log_scale):
    def moments(mean, log_scale):
        return Moments(jnp.array([[mean]]), jnp.array([[log_scale]]))

    found = kl_divergence(moments(-4.6e-5, log_scale), moments(0.0, 0.0))
    mean, r = (np.longdouble(np.float32(v)) for v in (-4.6e-5, log_scale))
    exact = (np.expm1(2 * r) - 2 * r + mean**2) / 2
    np.testing.assert_allclose(found, [float(exact)], rtol=1e-6)
