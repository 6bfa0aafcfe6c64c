import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density, no_completion
from genjax.densities import logistic, uniform
from genjax.flows import (
    actnorm,
    affine,
    coupling,
    identity,
    variational_dequantization,
)
from tests.laws.instances import conditioner


def steps(weights):
    """The density on [0, 1)^2 that is constant on the cells of a grid."""
    levels = len(weights)

    def log_prob(params, x, condition=None):
        cell = jnp.floor(x * levels).astype(jnp.int32)
        return jnp.log(weights)[cell].sum(axis=1) + 2 * np.log(levels)

    return Density(lambda key, x, condition=None: {}, log_prob, None, no_completion)


def test_uniform_noise_is_exact_where_the_density_is_constant_in_a_bin():
    weights = jnp.array([0.1, 0.2, 0.3, 0.4])
    objective = variational_dequantization(
        steps(weights), identity(), logistic((2,)), levels=4
    )
    batch = {"x": jnp.array([[0.0, 3.0]])}
    variables = objective.init(jax.random.key(0), batch)
    for seed in range(5):
        value, _ = objective.loss(variables, batch, jax.random.key(seed))
        np.testing.assert_allclose(value, -np.log(0.1 * 0.4), atol=1e-4)


def test_any_noise_bounds_the_probability():
    """Over every value, the bounds' exponentials cannot add up to more than 1."""
    objective = variational_dequantization(
        uniform((2,)),
        coupling(affine(), conditioner(2), split=1),
        logistic((2,)),
        levels=3,
    )
    cells = jnp.stack(jnp.meshgrid(jnp.arange(3.0), jnp.arange(3.0)), -1).reshape(-1, 2)
    variables = objective.init(jax.random.key(0), {"x": cells})

    def bound(cell):
        batch = {"x": jnp.broadcast_to(cell[None], (2000, 2))}
        return -objective.loss(variables, batch, jax.random.key(1))[0]

    bounds = jnp.stack([jax.jit(bound)(cell) for cell in cells])
    assert 0.5 < float(jnp.exp(bounds).sum()) <= 1.01


def test_data_dependent_noise_starts_on_its_base():
    objective = variational_dequantization(
        uniform((4,)), actnorm(), logistic((4,)), levels=256
    )
    batch = {"x": jnp.zeros((64, 4))}
    variables = objective.init(jax.random.key(0), batch)
    _, (_, metrics) = objective.loss(variables, batch, jax.random.key(1))
    assert float(metrics["bits_per_dim"]) < 9.5
