import jax
import jax.numpy as jnp
import numpy as np

from genjax.smooth import softmax_argmax, straight_through


def hard_one_hot(x):
    return jax.nn.one_hot(jnp.argmax(x, axis=-1), x.shape[-1])


def test_the_value_is_the_hard_one_and_every_gradient_the_soft_one():
    f = straight_through(hard_one_hot, softmax_argmax)
    x, weights = jnp.array([0.1, 2.0, -1.0]), jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(f(x), [0.0, 1.0, 0.0])
    for derivative in (jax.jacrev, jax.jacfwd):
        np.testing.assert_array_equal(derivative(f)(x), derivative(softmax_argmax)(x))
    hessian = jax.hessian(lambda x: f(x) @ weights)(x)
    wanted = jax.hessian(lambda x: softmax_argmax(x) @ weights)(x)
    np.testing.assert_allclose(hessian, wanted, atol=1e-6)


def test_it_is_compiled_and_mapped():
    f = straight_through(jnp.round, lambda x: x)
    x = jnp.array([0.4, 1.6])
    np.testing.assert_array_equal(jax.jit(jax.vmap(f))(x), [0.0, 2.0])
    np.testing.assert_array_equal(jax.grad(lambda x: f(x).sum())(x), [1.0, 1.0])
