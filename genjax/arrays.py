"""Casts, sums and draws that several families share."""

import jax
import jax.numpy as jnp

from genjax.typing import Array, Bool, Float, Key, PerExample, Tree


def widened(tree: Tree) -> Tree:
    """Returns a pytree with its floats in float32, or wider where they are.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import widened
    >>> widened(jnp.ones(1, jnp.bfloat16)).dtype.name
    'float32'
    """

    def one(leaf: Array) -> Array:
        is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
        is_narrow = is_float and leaf.dtype.itemsize < 4
        return leaf.astype(jnp.float32) if is_narrow else leaf

    return jax.tree.map(one, tree)


def as_float(x: Array) -> Array:
    """Returns an array in float32, or wider where it is: of integers too.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import as_float
    >>> as_float(jnp.array([1, 2])).dtype.name
    'float32'
    """
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return widened(x)
    return x.astype(jnp.float32)


def as_float32(tree: Tree) -> Tree:
    """Casts every leaf to float32.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import as_float32
    >>> as_float32(jnp.ones(1, jnp.bfloat16)).dtype.name
    'float32'
    """
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree)


def matmul(x: Array, y: Array) -> Array:
    """`x @ y` with all digits of their type, on every accelerator.

    By default JAX multiplies float32 with 11 bits on a GPU (TF32) and with 8 on a TPU
    (bfloat16). Networks may; a map whose inverse must undo it, a distance or a
    log-density may not.

    Args:
        x: `[*b, n, k]` or `[k]`.
        y: `[*b, k, m]` or `[k]`.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import matmul
    >>> matmul(jnp.ones((2, 3)), jnp.ones(3)).tolist()
    [3.0, 3.0]
    """
    return jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST)


def unit(x: Float[Array, "*b n"]) -> Float[Array, "*b n"]:
    """Scales the last axis to length 1, whatever its scale; zeros stay.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import unit
    >>> unit(jnp.array([[3e30, 4e30], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    # Compared with 0, so that a row with NaN is no row of zeros.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=-1, keepdims=True))
    x = x / jnp.where(largest == 0, 1.0, largest)
    squared = jnp.sum(x**2, axis=-1, keepdims=True)
    is_zero = squared == 0
    return jnp.where(is_zero, 0.0, x / jnp.sqrt(jnp.where(is_zero, 1.0, squared)))


def lead(values: Array, leaf: Array) -> Array:
    """Gives values of leading axes as many axes as a leaf has, to combine the two.

    Args:
        values: `[*runs]`.
        leaf: `[*runs, *shape]`.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import lead
    >>> lead(jnp.ones(2), jnp.ones((2, 3, 4))).shape
    (2, 1, 1)
    """
    return values.reshape(values.shape + (1,) * (leaf.ndim - values.ndim))


def sum_event(terms: Array) -> PerExample:
    """Sums everything but the batch axis, in float32 or wider.

    Args:
        terms: `[b, *event]`.

    >>> import jax.numpy as jnp
    >>> from genjax.arrays import sum_event
    >>> sum_event(jnp.ones((2, 3, 4))).tolist()
    [12.0, 12.0]
    """
    return jnp.sum(widened(terms), axis=tuple(range(1, terms.ndim)))


def drawn_boxes(
    key: Key, xyxy: Float[Array, "n 4"], usable: Bool[Array, " n"], count: int
) -> tuple[Float[Array, "count 4"], Bool[Array, ""]]:
    """Draws boxes with replacement from those that can be used.

    Args:
        key: of the draws.
        xyxy: of one image; there may be none.
        usable: which.
        count: how many.

    Returns:
        The boxes, and whether any can be used; where none can, they mean nothing.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.arrays import drawn_boxes
    >>> boxes, usable = jnp.eye(3, 4), jnp.array([False, True, False])
    >>> drawn_boxes(jax.random.key(0), boxes, usable, 2)[0].tolist()
    [[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    """
    some = jnp.any(usable)
    rows = jnp.concatenate([xyxy, jnp.zeros((1, 4), xyxy.dtype)])
    logits = jnp.where(jnp.append(usable, ~some), 0.0, -jnp.inf)
    return rows[jax.random.categorical(key, logits, shape=(count,))], some
