import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from genjax.errors import InputError
from genjax.gan import r1


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_of_a_linear_critic_is_the_squared_norm_of_its_weights(rows):
    w = jnp.array([1.0, -2.0, 0.5])
    x = jax.random.normal(jax.random.key(0), (rows, 3))
    value = r1(3.0)(lambda x: x @ w, x, -x, jax.random.key(1))
    np.testing.assert_allclose(value, 1.5 * float(w @ w), rtol=1e-6)


def test_is_the_mean_of_single_examples_and_has_a_gradient():
    x = jax.random.normal(jax.random.key(0), (5, 2))

    def penalty(w, x):
        return r1(1.0)(lambda x: jnp.tanh(x @ w), x, x, jax.random.key(1))

    w = jnp.array([0.3, -0.7])
    singles = [penalty(w, row[None]) for row in x]
    np.testing.assert_allclose(penalty(w, x), np.mean(singles), rtol=1e-5)
    check_grads(
        lambda w: penalty(w, x), (w,), order=1, modes=["rev"], atol=1e-2, rtol=1e-2
    )


def test_a_negative_weight_is_refused():
    with pytest.raises(InputError, match=r"got -1"):
        r1(-1.0)
