import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density
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

    def sample(variables, key, n, condition=None):
        raise NotImplementedError

    return Density(lambda key, x, condition=None: {}, log_prob, sample)


def bound(density, noise, levels, key):
    """The bound at one draw of the noise."""
    base = logistic((2,)) if levels < 256 else logistic((4,))
    return variational_dequantization(density, noise, base, levels=levels, key=key)


def test_uniform_noise_is_exact_where_the_density_is_constant_in_a_bin():
    weights = jnp.array([0.1, 0.2, 0.3, 0.4])
    x = jnp.array([[0.0, 3.0]])
    for seed in range(5):
        model = bound(steps(weights), identity(), 4, jax.random.key(seed))
        value = model.log_prob(model.init(jax.random.key(0), x), x)
        np.testing.assert_allclose(value, np.log([0.1 * 0.4]), atol=1e-4)


def test_any_noise_bounds_the_probability():
    """Over every value, the bounds' exponentials cannot add up to more than 1."""
    noise = coupling(affine(), conditioner(2), split=1)
    model = bound(uniform((2,)), noise, 3, jax.random.key(1))
    cells = jnp.stack(jnp.meshgrid(jnp.arange(3.0), jnp.arange(3.0)), -1).reshape(-1, 2)
    variables = model.init(jax.random.key(0), cells)

    def of_cell(cell):
        return model.log_prob(variables, jnp.broadcast_to(cell[None], (2000, 2))).mean()

    bounds = jnp.stack([jax.jit(of_cell)(cell) for cell in cells])
    assert 0.5 < float(jnp.exp(bounds).sum()) <= 1.01


def test_data_dependent_noise_starts_on_its_base():
    model = bound(uniform((4,)), actnorm(), 256, jax.random.key(1))
    x = jnp.zeros((64, 4))
    value = model.log_prob(model.init(jax.random.key(0), x), x)
    assert float(-value.mean() / (4 * np.log(2))) < 9.5
