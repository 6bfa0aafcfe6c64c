import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.flows import (
    density,
    householder,
    plu,
    qr,
    triangular,
)


def matrix_of(layer, params, dim):
    return layer.forward(params, jnp.eye(dim))[0].T


def test_a_1x1_convolution_has_the_log_det_of_its_diagonal():
    x = jax.random.normal(jax.random.key(0), (2, 3, 5, 4))
    layer = plu()
    params = layer.init(jax.random.key(1), x)
    params["params"]["log_diagonal"] += jnp.arange(4.0) / 10
    y, log_det = layer.forward(params, x)
    matrix = matrix_of(layer, params, 4)
    np.testing.assert_allclose(
        log_det, [15 * jnp.linalg.slogdet(matrix)[1]] * 2, rtol=1e-5
    )
    np.testing.assert_allclose(y, jnp.einsum("bhwc,dc->bhwd", x, matrix), atol=1e-5)


def test_weight_decay_does_not_touch_signs_and_permutation():
    x = jnp.ones((2, 3))
    layer = plu()
    variables = layer.init(jax.random.key(1), x)
    rest = {name: own for name, own in variables.items() if name != "params"}
    params = variables["params"]
    optimizer = optax.adamw(0.1, weight_decay=1.0)
    gradient = jax.grad(lambda p: layer.forward(rest | {"params": p}, x)[0].sum())(
        params
    )
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    after = optax.apply_updates(params, updates)
    y, log_det = layer.forward(rest | {"params": after}, x)
    back, _ = layer.inverse(rest | {"params": after}, y)
    np.testing.assert_allclose(back, x, atol=1e-4)
    np.testing.assert_allclose(log_det, [after["log_diagonal"].sum()] * 2, atol=1e-5)


def test_rotations_are_orthogonal():
    x = jnp.ones((1, 5))
    for layer in (plu(), householder(reflections=4), qr(reflections=4)):
        params = layer.init(jax.random.key(1), x)
        matrix = matrix_of(layer, params, 5)
        np.testing.assert_allclose(matrix @ matrix.T, jnp.eye(5), atol=1e-5)


def test_a_triangle_and_a_normal_are_any_normal():
    random = np.random.default_rng(0)
    factor = np.linalg.cholesky(np.cov(random.normal(size=(43, 200))))
    mean = random.normal(size=43)
    back = np.linalg.inv(factor)
    own = {
        "lower": jnp.asarray(back, jnp.float32),
        "log_diagonal": jnp.asarray(np.log(np.diag(back)), jnp.float32),
        "shift": jnp.asarray(-back @ mean, jnp.float32),
    }
    params = {"params": {"bijector": own}}
    model = density(triangular(), standard_normal((43,)))
    x, log_prob = model.sample(params, jax.random.key(0), 50)
    expected = stats.multivariate_normal(mean, factor @ factor.T).logpdf(x)
    np.testing.assert_allclose(log_prob, expected, atol=1e-4)
    np.testing.assert_allclose(model.log_prob(params, x), expected, atol=1e-4)


@pytest.mark.parametrize("make", [householder, qr])
def test_no_reflection_is_refused(make):
    with pytest.raises(InputError, match="reflections must be at least 1, got 0"):
        make(reflections=0)
