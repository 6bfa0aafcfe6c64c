import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.densities import langevin_inpaint, standard_normal
from genjax.errors import InputError
from genjax.flows import density, triangular

KEY = jax.random.key(0)
OBSERVED = jnp.array([True, False, False])


def normal_of(precision_root):
    """A flow to a normal whose density is known: `z = L x`."""
    model = density(triangular(), standard_normal((3,)))
    own = {
        "lower": jnp.tril(precision_root, -1),
        "log_diagonal": jnp.log(jnp.diag(precision_root)),
        "shift": jnp.zeros(3),
    }
    return model, {"params": {"bijector": own}}


def test_langevin_chains_end_in_the_conditional_normal():
    root = jnp.array([[1.0, 0.0, 0.0], [0.8, 1.2, 0.0], [-0.5, 0.4, 0.9]])
    model, params = normal_of(root)
    covariance = np.linalg.inv(np.asarray(root.T @ root, np.float64))
    x = jnp.tile(jnp.array([[1.5, 0.0, 0.0]]), (4000, 1))
    completion = jax.jit(
        lambda key: langevin_inpaint(
            model, params, key, x, OBSERVED, steps=200, step_size=0.9
        )
    )(KEY)
    np.testing.assert_array_equal(completion.x[:, 0], x[:, 0])
    gain = covariance[1:, :1] / covariance[0, 0]
    mean = 1.5 * gain[:, 0]
    rest = covariance[1:, 1:] - gain * covariance[:1, 1:]
    drawn = np.asarray(completion.x[:, 1:], np.float64)
    error = 4 * np.sqrt(np.diag(rest) / 4000)
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < error)
    np.testing.assert_allclose(np.cov(drawn.T), rest, atol=0.06)
    assert 0.3 < float(completion.acceptance.mean()) < 0.95


def test_steps_of_langevin_are_checked():
    model, params = normal_of(jnp.eye(3))
    with pytest.raises(InputError, match=r"must be positive, got 1 and 0\.0"):
        langevin_inpaint(
            model, params, KEY, jnp.ones((2, 3)), OBSERVED, steps=1, step_size=0.0
        )


def test_what_is_missing_may_be_anything():
    model, variables = normal_of(jnp.eye(3))
    x = jnp.array([[1.0, jnp.nan, jnp.inf]])
    completion = langevin_inpaint(
        model, variables, KEY, x, OBSERVED, steps=5, step_size=0.5
    )
    assert float(completion.x[0, 0]) == 1.0
    assert bool(np.isfinite(completion.x).all())
