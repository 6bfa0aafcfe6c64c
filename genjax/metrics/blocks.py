"""All pairs of two sets, a block of rows at a time."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from genjax.typing import Array, Float


def squared_distances(
    x: Float[Array, "n d"], y: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """Returns `|x_i - y_j|^2` by one matrix product, never negative.

    Points near one another lose digits where they are far from 0: centre them.

    >>> squared_distances(jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1)[None] - 2 * product
    return jnp.maximum(squares, 0.0)


def map_rows(function: Callable[[Array], Any], x: Array, *, rows: int) -> Any:
    """Applies a function to blocks of rows; the last block may be smaller.

    Args:
        function: from `[r, ...]` to a pytree of `[r, ...]`, row by row.
        x: `[n, ...]`.
        rows: of a block.

    >>> map_rows(lambda x: 2 * x, jnp.arange(5), rows=2).tolist()
    [0, 2, 4, 6, 8]
    """
    whole = len(x) // rows * rows
    parts = []
    if whole:
        blocks = x[:whole].reshape(-1, rows, *x.shape[1:])
        found = jax.lax.map(function, blocks)
        parts.append(jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), found))
    if whole < len(x):
        parts.append(function(x[whole:]))
    return jax.tree.map(lambda *a: jnp.concatenate(a), *parts)
