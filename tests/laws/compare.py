"""How laws are stated over the registry, and trees compared."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


def over(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def assert_close(tree, other, atol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=1e-5), tree, other
    )


def assert_equal(tree, other):
    def compare(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    jax.tree.map(compare, tree, other)
