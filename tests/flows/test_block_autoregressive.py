import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import block_autoregressive

KEY = jax.random.key(0)


def test_the_jacobian_is_exactly_triangular_with_a_positive_diagonal():
    layer = block_autoregressive(width=5, hidden=2)
    x = jax.random.normal(KEY, (1, 6))
    params = layer.init(jax.random.key(1), x)
    jacobian = jax.jit(jax.jacfwd(lambda x: layer.forward(params, x[None])[0][0]))(x[0])
    assert np.all(jnp.triu(jacobian, 1) == 0)
    assert np.all(jnp.diag(jacobian) > 0)
    assert float(np.abs(jacobian[jnp.tril_indices(6, -1)]).min()) > 0


def test_every_value_is_reached_and_gradients_go_through_the_inverse():
    layer = block_autoregressive(width=5)
    y = jnp.array([[-300.0, 40.0], [0.1, 900.0]])
    params = layer.init(KEY, y)
    params = params | {"gate": jnp.asarray(2.0)}
    forward, inverse = jax.jit(layer.forward), jax.jit(layer.inverse)
    x, _ = inverse(params, y)
    np.testing.assert_allclose(forward(params, x)[0], y, rtol=1e-5, atol=1e-5)
    small = jnp.array([[0.3, -0.7]])
    by_inverse = jax.jit(jax.jacrev(lambda y: layer.inverse(params, y)[0]))(small)
    x, _ = inverse(params, small)
    jacobian = jax.jacfwd(lambda x: forward(params, x)[0])(x)[0, :, 0]
    np.testing.assert_allclose(by_inverse[0, :, 0], jnp.linalg.inv(jacobian), atol=1e-4)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: block_autoregressive(width=0), "must be at least 1, got 0 and 1"),
        (
            lambda: block_autoregressive(width=2, hidden=0),
            "must be at least 1, got 2 and 0",
        ),
        (
            lambda: block_autoregressive(width=2).init(KEY, jnp.ones((2, 2, 2))),
            "examples must be vectors",
        ),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_condition_that_was_not_there_at_first_is_refused():
    layer, x = block_autoregressive(width=2), jnp.ones((3, 2))
    params = layer.init(KEY, x)
    with pytest.raises(InputError, match=r"the shape \(3, 0\), got \(3, 4\)"):
        layer.forward(params, x, jnp.ones((3, 4)))


def test_far_points_come_back():
    layer = block_autoregressive(width=5)
    y = jnp.array([[3e5, -2e4]])
    params = layer.init(KEY, y)
    x, _ = jax.jit(layer.inverse)(params, y)
    np.testing.assert_allclose(layer.forward(params, x)[0], y, rtol=1e-4)
