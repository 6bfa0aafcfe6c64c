import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn


def test_the_norm_and_its_gradient_are_those_of_the_decomposition():
    matrix = jax.random.normal(jax.random.key(0), (5, 3))
    u, s, v = np.linalg.svd(np.asarray(matrix), full_matrices=False)
    np.testing.assert_allclose(nn.spectral_norm(matrix), s[0], rtol=1e-4)
    gradient = jax.grad(nn.spectral_norm)(matrix)
    np.testing.assert_allclose(gradient, np.outer(u[:, 0], v[0]), atol=2e-2)


def test_the_bound_holds_for_large_weights():
    module = nn.LipschitzMLP(features=4, hidden=(16, 16), bound=0.8)
    x = jax.random.normal(jax.random.key(0), (200, 4))
    params = module.init(jax.random.key(1), x)
    params = jax.tree.map(lambda leaf: 10 * leaf, params)
    y = jax.jit(module.apply)(params, x)
    rise = jnp.linalg.norm(y[1:] - y[:-1], axis=1)
    run = jnp.linalg.norm(x[1:] - x[:-1], axis=1)
    assert float((rise / run).max()) <= 0.8


def test_lipswish_never_rises_faster_than_its_argument():
    x = jnp.linspace(-10.0, 10.0, 1001)
    assert float(jax.vmap(jax.grad(nn.lipswish))(x).max()) <= 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-10, 1e-16, 1e-30, 1e10, 1e18])
def test_the_spectral_norm_scales_with_the_matrix(scale):
    matrix = jax.random.normal(jax.random.key(0), (8, 8))
    found = nn.spectral_norm(scale * matrix) / scale
    np.testing.assert_allclose(found, nn.spectral_norm(matrix), rtol=1e-5)


def test_a_layer_of_zeros_has_the_gradient_of_one_that_is_not_scaled():
    network = nn.LipschitzMLP(features=2, hidden=())
    x = jnp.ones((1, 4))
    zero = jax.tree.map(jnp.zeros_like, network.init(jax.random.key(0), x))
    gradient = jax.grad(lambda v: network.apply(v, x).sum())(zero)
    np.testing.assert_array_equal(gradient["params"]["kernel_0"], 1.0)
