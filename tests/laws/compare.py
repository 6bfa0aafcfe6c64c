"""How laws are stated over the registry, trees compared and put on devices."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def over(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def every_third(cases):
    """All of a mapping as parameters; two of three are for the slow tests."""
    return [
        pytest.param(case, id=name, marks=[pytest.mark.slow] * (place % 3 > 0))
        for place, (name, case) in enumerate(cases.items())
    ]


def assert_close(tree, other, atol=1e-5):
    """Both are finite: what has diverged agrees with anything."""
    chex.assert_tree_all_finite((tree, other))
    chex.assert_trees_all_close(tree, other, atol=atol, rtol=1e-5)


def assert_equal(tree, other):
    def raw(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    chex.assert_trees_all_equal(*jax.tree.map(raw, (tree, other)))


def replicated(tree, mesh: Mesh):
    """A copy of all leaves on every device of a mesh, which may be donated."""
    copy = jax.tree.map(jnp.copy, tree)
    return jax.device_put(copy, NamedSharding(mesh, PartitionSpec()))
