import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from genjax.base import Bijector
from genjax.densities import standard_normal
from genjax.flows import density
from tests.laws.instances import tiny_realnvp


def test_an_affine_flow_is_a_normal():
    scale, shift = 2.0, 0.5

    def forward(params, x, condition=None):
        return (x - shift) / scale, jnp.full(len(x), -2 * jnp.log(scale))

    def inverse(params, z, condition=None):
        return z * scale + shift, jnp.full(len(z), 2 * jnp.log(scale))

    flow = Bijector(lambda key, x, condition=None: (), forward, inverse)
    model = density(flow, standard_normal((2,)))
    x = jax.random.normal(jax.random.key(0), (6, 2))
    params = model.init(jax.random.key(1), x)
    np.testing.assert_allclose(
        model.log_prob(params, x), stats.norm.logpdf(x, shift, scale).sum(1), rtol=1e-5
    )


def test_samples_come_with_their_log_prob():
    model = tiny_realnvp(4)
    params = model.init(jax.random.key(0), jnp.zeros((8, 4)))
    x, log_prob = model.sample(params, jax.random.key(1), 100)
    np.testing.assert_allclose(log_prob, model.log_prob(params, x), atol=1e-4)


def test_what_is_not_finite_has_no_density_and_no_gradient():
    model = tiny_realnvp(2)
    x = jnp.array([[0.1, 0.2, 0.3, 0.4], [jnp.nan, 0, 0, 0], [0, jnp.inf, 0, 0]])
    params = model.init(jax.random.key(0), x[:1])
    log_prob = model.log_prob(params, x)
    assert jnp.isfinite(log_prob).tolist() == [True, False, False]
    assert log_prob[1:].tolist() == [-jnp.inf, -jnp.inf]
    gradient = jax.grad(lambda p: model.log_prob(p, x).sum())(params)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
