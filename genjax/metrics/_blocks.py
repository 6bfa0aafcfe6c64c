"""What metrics of samples share: all pairs by blocks of rows, and full precision."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp

from genjax.arrays import widened
from genjax.errors import InputError
from genjax.typing import Array, Float, Tree

Function = TypeVar("Function", bound=Callable[..., Any])


def in_full_precision(metric: Function) -> Function:
    """Makes a metric take float32 at least, and exact products on every device.

    Where a set has a number that is not finite, so is the value: neighbours and ranks
    would hide it.

    Args:
        metric: a function of arrays and keyword-only settings.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics._blocks import in_full_precision
    >>> half = in_full_precision(lambda x: jnp.mean(x))
    >>> half(jnp.ones(2, jnp.bfloat16)).dtype.name, float(half(jnp.array([jnp.nan])))
    ('float32', nan)
    """

    @functools.wraps(metric)
    def wrapped(*arguments: Tree, **settings: Tree) -> Tree:
        sets = widened(arguments)
        with jax.default_matmul_precision("highest"):
            found = metric(*sets, **settings)
        finite = [jnp.all(jnp.isfinite(a)) for a in sets if _is_float(a)]
        return jax.tree.map(
            lambda value: jnp.where(jnp.all(jnp.stack(finite)), value, jnp.nan), found
        )

    return cast("Function", wrapped)


def _is_float(a: Tree) -> bool:
    return jnp.issubdtype(jnp.asarray(a).dtype, jnp.floating)


@jax.jit
def squared_distances(
    x: Float[Array, "n d"], y: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """Returns `|x_i - y_j|^2` by differences, so that near points keep their digits.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics._blocks import squared_distances
    >>> squared_distances(jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    return jnp.sum((x[:, None] - y[None]) ** 2, axis=2)


def in_blocks(function: Callable[[Array], Any], x: Array, *, block: int) -> Tree:
    """Applies a function to blocks of rows; the last block may be smaller.

    Args:
        function: from `[r, ...]` to a pytree of `[r, ...]`, row by row.
        x: `[n, ...]`.
        block: rows at a time.

    Raises:
        InputError: `block` is not positive.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics._blocks import in_blocks
    >>> in_blocks(lambda x: 2 * x, jnp.arange(5), block=2).tolist()
    [0, 2, 4, 6, 8]
    """
    if block < 1:
        raise InputError(f"block must be at least 1, got {block}.")
    whole = len(x) // block * block
    parts = []
    if whole:
        blocks = x[:whole].reshape(-1, block, *x.shape[1:])
        found = jax.lax.map(function, blocks)
        parts.append(jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), found))
    if whole < len(x):
        parts.append(function(x[whole:]))
    return jax.tree.map(lambda *a: jnp.concatenate(a), *parts)
