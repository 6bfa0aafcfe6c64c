import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Functions
from genjax.densities import standard_normal
from genjax.flows import continuous, density, gaussian_mixture_velocity

A = np.array([[0.1, -0.8], [0.5, 0.2]])


def linear(key, x, t):
    return {"params": {}}


def test_the_log_determinant_of_a_linear_field_is_its_trace():
    network = Functions(
        linear, lambda variables, x, t: x @ jnp.asarray(A.T, jnp.float32)
    )
    x = jax.random.normal(jax.random.key(0), (5, 2))
    _, log_det = continuous(network, steps=20).inverse({}, x)
    np.testing.assert_allclose(log_det, np.trace(A), atol=1e-5)


def test_the_density_of_the_exact_velocity_is_the_mixtures():
    means = 2.0 * jax.random.normal(jax.random.key(0), (5, 2))
    scale = 0.4
    flow = continuous(gaussian_mixture_velocity(means, scale), steps=200)
    model = density(flow, standard_normal((2,)))
    params = model.init(jax.random.key(1), jnp.zeros((1, 2)))
    x, log_prob = model.sample(params, jax.random.key(2), 500)
    distance = jnp.sum((x[:, None] - means[None]) ** 2, axis=2) / scale**2
    wanted = jax.nn.logsumexp(-0.5 * distance, axis=1) - np.log(
        5 * 2 * np.pi * scale**2
    )
    np.testing.assert_allclose(log_prob, wanted, atol=1e-4)
    np.testing.assert_allclose(model.log_prob(params, x), wanted, atol=1e-4)
