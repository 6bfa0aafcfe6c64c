import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.densities import logistic, uniform, uniform_one_hot
from genjax.errors import InputError


@pytest.mark.parametrize(
    ("density", "known"),
    [(uniform((2, 3), low=-1.0, high=3.0), stats.uniform(-1, 4)),
     (logistic((2, 3)), stats.logistic())],
    ids=["uniform", "logistic"],
)  # fmt: skip
def test_densities_and_samples_are_those_of_scipy(density, known):
    x, log_prob = density.sample({}, jax.random.key(0), 2000)
    expected = known.logpdf(np.asarray(x)).sum(axis=(1, 2))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)
    np.testing.assert_allclose(density.log_prob({}, x), expected, rtol=1e-5)
    assert stats.kstest(np.asarray(x).ravel(), known.cdf).pvalue > 1e-3


def test_an_empty_interval_is_refused():
    with pytest.raises(InputError, match=r"low must be below high, got 1.0 and 1.0"):
        uniform((1,), low=1.0)


def test_one_hot_vectors_are_alike_and_nothing_else_is_possible():
    density = uniform_one_hot(3)
    np.testing.assert_allclose(
        jnp.exp(density.log_prob({}, jnp.eye(3))), jnp.full(3, 1 / 3), rtol=1e-6
    )
    others = jnp.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    assert np.all(density.log_prob({}, others) == -jnp.inf)
    x, _ = density.sample({}, jax.random.key(0), 3000)
    np.testing.assert_allclose(x.mean(axis=0), 1 / 3, atol=0.05)
    with pytest.raises(InputError, match="classes must be positive, got 0"):
        uniform_one_hot(0)
