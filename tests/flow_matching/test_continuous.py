import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.base import Network
from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.flow_matching import (
    continuous,
    fixed_steps,
    hutchinson_divergence,
    normal_mixture_velocity,
)
from genjax.flows import density
from tests.laws.instances import time_network

A = np.array([[0.1, -0.8], [0.5, 0.2]])


def linear(key, x, t):
    return {"params": {}}


def test_the_log_determinant_of_a_linear_field_is_its_trace():
    network = Network(linear, lambda variables, x, t: x @ jnp.asarray(A.T, jnp.float32))
    x = jax.random.normal(jax.random.key(0), (5, 2))
    _, log_det = continuous(network, integrator=fixed_steps(20)).inverse({}, x)
    np.testing.assert_allclose(log_det, np.trace(A), atol=1e-5)


def test_the_density_of_the_exact_velocity_is_the_mixtures():
    means = 2.0 * jax.random.normal(jax.random.key(0), (5, 2))
    scale = 0.4
    exact = normal_mixture_velocity(means, scale=scale)
    flow = continuous(exact, integrator=fixed_steps(200))
    model = density(flow, standard_normal((2,)))
    params = model.init(jax.random.key(1), jnp.zeros((1, 2)))
    x, log_prob = model.sample(params, jax.random.key(2), 500)
    distance = jnp.sum((x[:, None] - means[None]) ** 2, axis=2) / scale**2
    wanted = jax.nn.logsumexp(-0.5 * distance, axis=1) - np.log(
        5 * 2 * np.pi * scale**2
    )
    np.testing.assert_allclose(log_prob, wanted, atol=1e-4)
    np.testing.assert_allclose(model.log_prob(params, x), wanted, atol=1e-4)


def test_hutchinson_has_the_mean_and_variance_of_the_closed_forms():
    matrix = jax.random.normal(jax.random.key(0), (6, 6))
    x, n = jnp.ones((1, 6)), 4000

    def of_key(key):
        return hutchinson_divergence(key)(lambda x: x @ matrix.T, x)[1][0]

    estimates = jax.vmap(of_key)(jax.random.split(jax.random.key(1), n))
    symmetric = np.asarray(matrix + matrix.T) / 2
    variance = 2 * (np.square(symmetric).sum() - np.square(np.diag(symmetric)).sum())
    error = abs(float(estimates.mean()) - np.trace(matrix))
    assert error < 4 * np.sqrt(variance / n)
    assert abs(float(estimates.var()) / variance - 1) < 0.15


def test_more_probes_come_nearer_and_none_is_refused():
    network = time_network()
    x = jax.random.normal(jax.random.key(0), (64, 4))
    params = network.init(jax.random.key(1), x, jnp.zeros(64))
    _, exact = continuous(network, integrator=fixed_steps(5)).forward(params, x)

    def error(probes):
        divergence = hutchinson_divergence(jax.random.key(2), probes=probes)
        flow = continuous(network, integrator=fixed_steps(5), divergence=divergence)
        return float(jnp.abs(jax.jit(flow.forward)(params, x)[1] - exact).mean())

    assert error(64) < 0.3 * error(1)
    with pytest.raises(InputError, match="probes must be at least 1, got 0"):
        hutchinson_divergence(jax.random.key(0), probes=0)


@pytest.mark.usefixtures("optimized_programs")
def test_memory_for_gradients_does_not_hold_the_inside_of_every_step():
    x = jnp.ones((256, 4))

    def megabytes(steps):
        flow = continuous(time_network(), integrator=fixed_steps(steps))
        model = density(flow, standard_normal((4,)))
        params = model.init(jax.random.key(0), x)
        gradient = jax.jit(jax.grad(lambda p: model.log_prob(p, x).mean()))
        analysis = gradient.lower(params).compile().memory_analysis()
        return analysis.temp_size_in_bytes / 2**20

    state = x.nbytes * 5 / 4 / 2**20
    assert megabytes(64) - megabytes(8) < 2 * 56 * state
