"""A digest per leaf, the same on any number of devices.

A digest is two 32-bit sums over a leaf's words, each word mixed with its position by a
bijection, so that a change of any single word always changes it. Sums do not depend on
the order of summation: sharded arrays are digested where they lie.
"""

from typing import Any

import jax
import jax.numpy as jnp

from genjax.typing import Array, Tree


@jax.jit
def snapshot(tree: Tree) -> tuple[Any, Any]:
    """Returns a copy of a pytree and the digest `[2]` of every leaf, in one program.

    >>> from genjax.training._digest import snapshot
    >>> import jax.numpy as jnp
    >>> _, first = snapshot({"w": jnp.zeros(3)})
    >>> _, second = snapshot({"w": jnp.zeros(3).at[1].set(1e-45)})
    >>> first["w"].tolist() == second["w"].tolist()
    False
    """
    return jax.tree.map(jnp.copy, tree), jax.tree.map(_digest, tree)


def _digest(leaf: Array) -> Array:
    words = _words(leaf).reshape(-1)
    position = jax.lax.iota(jnp.uint32, words.size)
    return jnp.stack(
        [
            jnp.sum(_mix(words ^ _mix(position + jnp.uint32(seed))), dtype=jnp.uint32)
            for seed in (0x9E3779B9, 0x7F4A7C15)
        ]
    )


def _words(leaf: Array) -> Array:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if jnp.iscomplexobj(leaf):
        leaf = jnp.stack([leaf.real, leaf.imag])
    if leaf.dtype == jnp.bool_:
        leaf = leaf.astype(jnp.uint8)
    unsigned = jnp.dtype(f"uint{8 * min(leaf.dtype.itemsize, 4)}")
    return jax.lax.bitcast_convert_type(leaf, unsigned).astype(jnp.uint32)


def _mix(words: Array) -> Array:
    """A bijection of 32-bit words with full avalanche."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        words = (words ^ (words >> shift)) * jnp.uint32(factor)
    return words ^ (words >> 16)
