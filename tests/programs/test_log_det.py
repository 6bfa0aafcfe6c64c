import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.programs import (
    with_dense_log_det,
    with_diagonal_log_det,
    with_triangular_log_det,
)


def test_structures_agree_where_they_hold():
    x = jax.random.normal(jax.random.key(0), (2, 3))

    def element_wise(x):
        return jnp.sinh(x) + x

    dense = with_dense_log_det(element_wise)(x)[1]
    for transform in (with_triangular_log_det, with_diagonal_log_det):
        y, log_det = jax.jit(transform(element_wise))(x)
        np.testing.assert_allclose(log_det, dense, rtol=1e-5)
        np.testing.assert_allclose(y, element_wise(x), rtol=1e-6)


def test_a_triangular_function():
    def function(x):
        return jnp.cumsum(x * jnp.exp(0.1 * jnp.arange(4.0)))

    x = jax.random.normal(jax.random.key(0), (4,))
    np.testing.assert_allclose(with_triangular_log_det(function)(x)[1], 0.6, rtol=1e-5)
    np.testing.assert_allclose(with_dense_log_det(function)(x)[1], 0.6, rtol=1e-5)


def test_a_function_that_drops_dimensions_is_refused():
    with pytest.raises(InputError, match=r"keep the number.*\(3,\) -> \(2,\)"):
        with_dense_log_det(lambda x: x[:2])(jnp.ones(3))
