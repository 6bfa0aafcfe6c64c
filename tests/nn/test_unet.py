import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from tests.nn.networks import assert_dtype_policy

X = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
T = jnp.array([0.1, 0.9])


def test_shape_and_dtype_policy():
    def make(dtype):
        return nn.UNet(features=3, widths=(4, 8), classes=2, dtype=dtype)

    label = jnp.array([0, 1])
    assert assert_dtype_policy(make, X, T, label).shape == (2, 8, 8, 3)


def test_time_and_class_matter():
    module = nn.UNet(features=1, widths=(4, 8), classes=2)
    label = jnp.array([0, 1])
    variables = module.init(jax.random.key(0), X, T, label)
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noise = [
        p + 0.3 * jax.random.normal(k, p.shape)
        for k, p in zip(keys, leaves, strict=True)
    ]
    moved = jax.tree.unflatten(tree, noise)
    y = module.apply(moved, X, T, label)
    assert float(np.abs(module.apply(moved, X, T + 0.5, label) - y).max()) > 1e-4
    assert float(np.abs(module.apply(moved, X, T, 1 - label) - y).max()) > 1e-4
    np.testing.assert_array_equal(module.apply(variables, X, T, label), 0)


def test_bad_input_is_a_sentence():
    module = nn.UNet(features=1, widths=(4, 8, 8))
    with pytest.raises(InputError, match=r"multiples of 4, got 6 x 8"):
        module.init(jax.random.key(0), X[:, :6], T)
    with pytest.raises(InputError, match="exactly where there are classes"):
        module.init(jax.random.key(0), X, T, jnp.array([0, 1]))
