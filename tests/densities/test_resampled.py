import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.densities import resampled, standard_normal
from genjax.errors import InputError

KEY = jax.random.key(0)


def half_plane():
    """Accepts what has a positive first coordinate, and nothing else."""

    def apply(variables, z):
        return jnp.where(z[:, :1] > 0, 30.0, -30.0)

    return Network(lambda key, z: {"params": {}}, apply)


def test_half_a_normal_has_the_density_of_its_two_parts():
    tries = 3
    base = resampled(
        standard_normal((2,)), half_plane(), key=KEY, tries=tries, points=200_000
    )
    z = jnp.array([[0.5, 0.1], [-0.5, 0.1]])
    params = base.init(jax.random.key(1), z)
    plain = standard_normal((2,)).log_prob({}, z)
    rejected = 0.5 ** (tries - 1)
    wanted = np.log([(1 - rejected) / 0.5 + rejected, rejected])
    np.testing.assert_allclose(base.log_prob(params, z) - plain, wanted, atol=0.02)
    drawn, log_prob = base.sample(params, jax.random.key(2), 20_000)
    share = float((drawn[:, 0] < 0).mean())
    assert abs(share - 0.5**tries) < 4 * np.sqrt(0.125 * 0.875 / 20_000)
    np.testing.assert_allclose(log_prob, base.log_prob(params, drawn), atol=1e-5)


def test_the_log_density_has_a_finite_gradient():
    network = nn.MLP(features=1, hidden=(8,))
    base = resampled(standard_normal((2,)), network, key=KEY, tries=10, points=128)
    x = jnp.array([[0.0, 1.0], [50.0, -50.0]])
    params = base.init(jax.random.key(1), x)
    gradient = jax.grad(lambda p: base.log_prob(p, x).sum())(params)
    assert all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
    assert float(np.abs(gradient["params"]["network"]["Dense_1"]["bias"]).max()) > 0


def test_mistakes_are_named():
    with pytest.raises(InputError, match="tries must be at least 2"):
        resampled(standard_normal((2,)), half_plane(), key=KEY, tries=1)
    wide = Network(lambda key, z: {"params": {}}, lambda variables, z: z)
    base = resampled(standard_normal((2,)), wide, key=KEY, tries=2)
    with pytest.raises(InputError, match="one logit per example"):
        base.log_prob({"params": {}}, jnp.ones((3, 2)))


def test_gradients_are_finite_where_nothing_is_accepted():
    never = nn.MLP(features=1, hidden=())
    base = resampled(standard_normal((2,)), never, key=KEY, tries=10, points=64)
    x = jnp.ones((3, 2))
    params = base.init(jax.random.key(1), x)
    params["params"]["network"]["Dense_0"]["bias"] = jnp.array([-100.0])
    value, gradient = jax.value_and_grad(lambda p: base.log_prob(p, x).sum())(params)
    plain = standard_normal((2,)).log_prob({}, x).sum()
    assert abs(float(value - plain)) < 1e-3
    assert all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
