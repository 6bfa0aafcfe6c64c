import jax
import jax.numpy as jnp
import numpy as np

from genjax.flows._fixed_point import fixed_point


def test_derivatives_are_those_of_the_implicit_function():
    def root(a):
        return fixed_point(
            lambda x: jnp.tanh(a * x + 0.5),
            jnp.zeros(3),
            tolerance=1e-7,
            iterations=300,
        )

    a = jnp.array([0.1, 0.5, -0.7])
    x = root(a)
    np.testing.assert_allclose(x, jnp.tanh(a * x + 0.5), atol=1e-6)
    slope = 1 - x**2
    wanted = slope * x / (1 - slope * a)
    for jacobian in (jax.jacfwd(root)(a), jax.jacrev(root)(a)):
        np.testing.assert_allclose(jnp.diag(jacobian), wanted, rtol=1e-4)
