import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.smooth import logsumexp_max, softmax_argmax, softmax_argmax_index

X = jax.random.normal(jax.random.key(0), (5, 7))


@pytest.mark.parametrize("tau", [0.01, 0.3, 2.0])
def test_bounds_and_gradients(tau):
    soft, hard = logsumexp_max(X, tau=tau), X.max(axis=1)
    assert np.all(soft >= hard - 1e-6)
    assert np.all(soft <= hard + tau * np.log(7) + 1e-6)
    gradient = jax.grad(lambda x: logsumexp_max(x, tau=tau).sum())(X)
    p = softmax_argmax(X, tau=tau)
    np.testing.assert_allclose(gradient, p, atol=1e-6)
    ordered = jnp.sort(X, axis=1)
    gap = ordered[:, -1] - ordered[:, -2]
    assert np.all(1 - p.max(axis=1) <= 6 * jnp.exp(-gap / tau) + 1e-6)


def test_the_index_moves_with_a_bump():
    places = jnp.arange(40.0)
    for centre in (12.0, 17.5, 25.25):
        bump = -((places - centre) ** 2)
        index = softmax_argmax_index(bump, tau=4.0)
        np.testing.assert_allclose(index, centre, atol=1e-3)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_inputs_are_finite(size):
    x = jnp.array([size, 0.0, -size])
    value, gradient = jax.value_and_grad(lambda x: logsumexp_max(x, tau=0.1))(x)
    assert float(value) == pytest.approx(1e4)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    "function", [logsumexp_max, softmax_argmax, softmax_argmax_index]
)
def test_a_bad_temperature_is_a_sentence(function):
    with pytest.raises(InputError, match="tau must be positive, got 0"):
        function(X, tau=0.0)


def test_half_precision_is_taken_in_float32():
    x = jnp.zeros(1000, jnp.bfloat16).at[257].set(50.0)
    assert float(softmax_argmax_index(x)) == pytest.approx(257)
    assert logsumexp_max(jnp.full(9, 6e4, jnp.float16), tau=0.5) == pytest.approx(
        float(np.float16(6e4)) + 0.5 * np.log(9)
    )
