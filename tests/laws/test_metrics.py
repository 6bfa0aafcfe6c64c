"""What every metric of samples must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.laws.registry import OF_SAMPLES

metrics = pytest.mark.parametrize("name", OF_SAMPLES)
KEY_X, KEY_Y = jax.random.split(jax.random.key(0))
X = jax.random.normal(KEY_X, (20, 3))
Y = 0.5 + 1.5 * jax.random.normal(KEY_Y, (20, 3))


def values(name, x, y):
    return np.array(jax.tree.leaves(jax.jit(OF_SAMPLES[name])(x, y)))


@metrics
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_is_measured_in_float32(name, dtype):
    x, y = X.astype(dtype), Y.astype(dtype)
    wide = values(name, x.astype(jnp.float32), y.astype(jnp.float32))
    found = values(name, x, y)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wide, rtol=1e-5, atol=1e-5)


@metrics
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_number_that_is_not_finite_is_never_hidden(name, bad):
    for x, y in ((X.at[3, 1].set(bad), Y), (X, Y.at[0, 2].set(bad))):
        assert np.isnan(values(name, x, y)).any()


@metrics
def test_the_order_of_a_set_changes_nothing(name):
    # The modes of a mixture stand in the first rows of the second set.
    np.testing.assert_allclose(
        values(name, X[::-1], Y), values(name, X, Y), rtol=1e-4, atol=1e-5
    )


@metrics
def test_jit_is_eager(name):
    eager = np.array(jax.tree.leaves(OF_SAMPLES[name](X, Y)))
    np.testing.assert_allclose(values(name, X, Y), eager, rtol=1e-4, atol=1e-5)
