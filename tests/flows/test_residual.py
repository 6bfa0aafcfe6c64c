import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.errors import InputError
from genjax.flows import (
    exact_log_det,
    power_series_log_det,
    residual,
    russian_roulette_log_det,
)

A = jax.random.normal(jax.random.key(0), (4, 4))
A = 0.6 * A / jnp.linalg.norm(A, 2)
X = jax.random.normal(jax.random.key(1), (3, 4))


def linear(x):
    return x @ A.T


def test_a_linear_contraction_has_the_log_det_of_its_matrix():
    network = Network(lambda key, x: {"params": {}}, lambda v, x: linear(x))
    y, log_det = residual(network).forward({}, X)
    expected = np.linalg.slogdet(np.eye(4) + np.asarray(A))[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-5)
    back, inverse_log_det = jax.jit(residual(network).inverse)({}, y)
    np.testing.assert_allclose(back, X, atol=1e-5)
    np.testing.assert_allclose(inverse_log_det, -expected, atol=1e-5)


def estimates(make, n=3000):
    keys = jax.random.split(jax.random.key(2), n)
    return jax.jit(jax.vmap(lambda key: make(key)(linear, X)[1][0]))(keys)


def test_the_power_series_converges_and_the_roulette_is_unbiased():
    expected = float(exact_log_det(linear, X)[1][0])
    for make in (
        lambda key: power_series_log_det(key, terms=25),
        lambda key: russian_roulette_log_det(key, exact_terms=2),
    ):
        found = estimates(make)
        error = abs(float(found.mean()) - expected)
        assert error < 4 * float(found.std()) / len(found) ** 0.5 + 1e-5


def test_few_terms_are_biased():
    found = estimates(lambda key: power_series_log_det(key, terms=1, probes=4))
    assert float(found.mean()) == pytest.approx(float(jnp.trace(A)), abs=0.05)


def test_mistakes_are_named():
    wide = residual(nn.LipschitzMLP(features=3, hidden=(4,)))
    with pytest.raises(InputError, match=r"keep the shape \(3, 4\), got \(3, 3\)"):
        wide.forward(wide.init(jax.random.key(0), X), X)
    with pytest.raises(InputError, match="terms must be at least 1, got 0"):
        power_series_log_det(jax.random.key(0), terms=0)
    with pytest.raises(InputError, match=r"rate must be between 0 and 1, got 1.0"):
        russian_roulette_log_det(jax.random.key(0), rate=1.0)


def test_gradients_go_through_the_inverse():
    layer = residual(nn.LipschitzMLP(features=2, hidden=(8,)))
    y = jax.random.normal(jax.random.key(0), (3, 2))
    params = layer.init(jax.random.key(1), y)
    by_inverse = jax.jacrev(lambda y: layer.inverse(params, y[None])[0][0])(y[0])
    x, _ = layer.inverse(params, y)
    jacobian = jax.jacrev(lambda x: layer.forward(params, x[None])[0][0])(x[0])
    np.testing.assert_allclose(by_inverse, jnp.linalg.inv(jacobian), atol=1e-4)
