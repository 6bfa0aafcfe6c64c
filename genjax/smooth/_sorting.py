"""Soft sorting and ranking: projections onto the permutahedron.

The permutahedron of `w` is the convex hull of its permutations. Sorting and ranking
are linear programmes over it; with a quadratic term they become projections: piecewise
linear, differentiable almost everywhere, and exact below some temperature.

A projection is a sort and an isotonic regression, here by the pool-adjacent-violators
algorithm: one loop over the rows of the whole batch, under `vmap` too. Only the blocks
it finds are kept; values and gradients are means over them.

Half precision is taken, and given back, in float32: it has no digits for ranks.

Source: Blondel, Teboul, Berthet and Djolonga, 2020, arXiv:2002.08871.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.arrays import widened
from genjax.errors import InputError
from genjax.smooth._extrema import check_tau
from genjax.typing import Array, Float, Int

Rows = Float[Array, "*b n"]


def soft_sort(x: Rows, *, tau: float = 1.0) -> Rows:
    """Sorts the last axis, softly, in ascending order.

        soft_sort(x) = projection of (1, ..., n) / tau onto the permutahedron of x

    The sum is that of `x`. It is the hard sort for small `tau`, the mean for large.

    Args:
        x: `[*b, n]`.
        tau: the temperature.

    Raises:
        InputError: `tau` is not positive, or there is nothing to sort.

    Source: Blondel, Teboul, Berthet and Djolonga, 2020, arXiv:2002.08871.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import soft_sort
    >>> soft_sort(jnp.array([5.0, 1.0, 2.0]), tau=1.0).round(3).tolist()
    [1.667, 2.667, 3.667]
    """
    _check("soft_sort", x, tau)
    x, n = widened(x), x.shape[-1]
    # In descending order both the points and the weights.
    z = jnp.broadcast_to(jnp.arange(n, 0, -1, dtype=x.dtype) / tau, x.shape)
    w = -jnp.sort(-x, axis=-1)
    return jnp.flip(_project_sorted(z, w), axis=-1)


def soft_rank(x: Rows, *, tau: float = 1.0) -> Rows:
    """Ranks the last axis, softly; the smallest has rank 1.

        soft_rank(x) = projection of x / tau onto the permutahedron of (1, ..., n)

    The sum is `n (n + 1) / 2`. These are the hard ranks for small `tau`, all equal for
    large.

    Args:
        x: `[*b, n]`.
        tau: the temperature.

    Raises:
        InputError: `tau` is not positive, or there is nothing to rank.

    Source: Blondel, Teboul, Berthet and Djolonga, 2020, arXiv:2002.08871.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import soft_rank
    >>> soft_rank(jnp.array([5.0, 1.0, 2.0]), tau=2.0).tolist()
    [3.0, 1.25, 1.75]
    """
    _check("soft_rank", x, tau)
    x, n = widened(x), x.shape[-1]
    order = jnp.argsort(-x, axis=-1)
    back = jnp.argsort(order, axis=-1)
    z = jnp.take_along_axis(x, order, axis=-1) / tau
    w = jnp.broadcast_to(jnp.arange(n, 0, -1, dtype=x.dtype), x.shape)
    return jnp.take_along_axis(_project_sorted(z, w), back, axis=-1)


def isotonic(y: Rows) -> Rows:
    """The nearest non-increasing sequence, on the last axis.

        argmin ||v - y||^2   subject to v_1 >= v_2 >= ... >= v_n

    Args:
        y: `[*b, n]`.

    Source: Best, Chakravarti and Ubhaya, 2000.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import isotonic
    >>> isotonic(jnp.array([3.0, 1.0, 2.0])).tolist()
    [3.0, 1.5, 1.5]
    """
    y = widened(y)
    return _pooled(y, _blocks_of(y, jnp.zeros_like(y)))[0]


def _project_sorted(z: Array, w: Array) -> Array:
    """Projects descending `z` onto the permutahedron of descending `w`.

    That is `z - isotonic(z - w)`, block by block, so that no digit of `w` is lost
    against a large `z`.
    """
    blocks = _blocks_of(z, w)
    return _pooled(z, blocks)[1] + _pooled(w, blocks)[0]


def _blocks_of(z: Array, w: Array) -> Array:
    """The blocks of the isotonic regression of `z - w`."""
    rows = [
        jax.lax.stop_gradient(x - jnp.mean(x, axis=-1, keepdims=True)).reshape(
            -1, x.shape[-1]
        )
        for x in (z, w)
    ]
    return _blocks(*rows).reshape(-1)


def _pooled(x: Array, blocks: Array) -> tuple[Array, Array]:
    """The mean of every entry's block, and how far the entry is from it.

    An entry that is a block of its own is its mean, to the last digit.
    """
    # Sums are taken from the row's mean, so that long rows lose no digits.
    centre = jnp.mean(x, axis=-1, keepdims=True)
    values = (x - centre).reshape(-1)

    def total(terms: Array) -> Array:
        return jnp.zeros_like(terms).at[blocks].add(terms)[blocks]

    count = total(jnp.ones_like(values))
    mean = (total(values) / count).reshape(x.shape)
    is_alone = (count == 1).reshape(x.shape) & ~jnp.isnan(x)
    apart = jnp.where(is_alone, 0, values.reshape(x.shape) - mean)
    return jnp.where(is_alone, x, mean + centre), apart


def _check(user: str, x: Array, tau: float) -> None:
    check_tau(user, tau)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise InputError(f"{user}: there is nothing to order in the shape {x.shape}.")


class _Block(NamedTuple):
    """Where a block starts, its two sums and its length, kept at its last entry."""

    start: Array
    z: Array
    w: Array
    count: Array


@jax.custom_batching.custom_vmap
def _blocks(
    z: Float[Array, "rows n"], w: Float[Array, "rows n"]
) -> Int[Array, "rows n"]:
    """For each entry the flat index at which its block begins.

    A block whose mean of `z - w` is above that of the one before is merged into it. The
    two are summed apart, so that a large `z` does not hide `w`.
    """
    rows, n = z.shape
    z, w = z.reshape(-1), w.reshape(-1)
    size = rows * n

    def going(state: Any) -> Array:
        return state[0] < size

    def advance(state: Any) -> Any:
        """Merges the open block with the one before, or closes it."""
        place, block, before, kept = state
        # Means compared without a division.
        of_z = block.z * before.count - before.z * block.count
        rises = of_z > block.w * before.count - before.w * block.count
        merge = (block.start % n != 0) & rises
        merged = _Block(
            before.start,
            block.z + before.z,
            block.w + before.w,
            block.count + before.count,
        )
        block = jax.tree.map(lambda a, b: jnp.where(merge, a, b), merged, block)
        kept = jax.tree.map(lambda x, value: _put(x, place, value), kept, block)
        place = jnp.where(merge, place, place + 1)
        following = jnp.minimum(place, size - 1)
        fresh = _Block(place, _at(z, following), _at(w, following), one)
        block = jax.tree.map(lambda a, b: jnp.where(merge, a, b), block, fresh)
        # Read after all is written, so that XLA writes in place.
        index = jnp.maximum(block.start - 1, 0)
        return place, block, jax.tree.map(lambda x: _at(x, index), kept), kept

    zero, one = jnp.zeros((), jnp.int32), jnp.ones((), z.dtype)
    empty = jnp.zeros(size, z.dtype)
    block = _Block(zero, z[0], w[0], one)
    kept = _Block(jnp.arange(size, dtype=jnp.int32), empty, empty, empty + 1)
    starts = jax.lax.while_loop(going, advance, (zero, block, block, kept))[3].start
    # What an entry inside a block once held lies inside that block as well.
    return jax.lax.cummin(starts, reverse=True).reshape(rows, n)


def _at(x: Array, index: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(x, index, keepdims=False)


def _put(x: Array, index: Array, value: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(x, value, index, 0)


@_blocks.def_vmap
def _(axis_size: int, in_batched: Any, z: Array, w: Array) -> tuple[Array, bool]:
    """A batch of batches is one batch with more rows; starts count from its own."""
    z, w = (
        x if batched else jnp.broadcast_to(x, (axis_size, *x.shape))
        for x, batched in zip((z, w), in_batched, strict=True)
    )
    _, rows, n = z.shape
    found = _blocks(z.reshape(-1, n), w.reshape(-1, n)).reshape(axis_size, rows, n)
    offset = jnp.arange(axis_size, dtype=found.dtype) * (rows * n)
    return found - offset[:, None, None], True
