import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from genjax.base import Bijector
from genjax.densities import standard_normal
from genjax.flows import density
from tests.laws.instances import realnvp


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
    model = realnvp(4)
    params = model.init(jax.random.key(0), jnp.zeros((8, 4)))
    x, log_prob = model.sample(params, jax.random.key(1), 100)
    np.testing.assert_allclose(log_prob, model.log_prob(params, x), atol=1e-4)
