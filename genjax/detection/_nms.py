"""Non-maximum suppression: exactly the greedy one, in parallel."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.detection._boxes import area
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int, Num

BLOCK = 256
Exceeds = Callable[[Array, Array, float | Array], Array]
"""From boxes `[n, 4]`, others `[m, 4]` and a threshold to whether they overlap beyond
it, `[n, m]`."""


def iou_exceeds(
    xyxy: Float[Array, "n 4"], other: Float[Array, "m 4"], threshold: float | Array
) -> Bool[Array, "n m"]:
    """Whether the IoU of each two boxes is above a threshold.

    There is no quotient, which accelerators round otherwise: ties are ties everywhere.

    Args:
        xyxy: boxes.
        other: boxes.
        threshold: of all pairs, or of each.

    Source: Everingham et al., 2010, doi:10.1007/s11263-009-0275-4.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import iou_exceeds
    >>> boxes = jnp.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 2.0]])
    >>> iou_exceeds(boxes, boxes, 0.5).tolist()
    [[True, False], [False, True]]
    """
    shared = _shared(xyxy, other)
    union = area(xyxy)[:, None] + area(other)[None] - shared
    return (union > 0) & (shared > threshold * union)


def share_exceeds(
    xyxy: Float[Array, "n 4"], other: Float[Array, "m 4"], threshold: float | Array
) -> Bool[Array, "n m"]:
    """Whether the share of the smaller of two boxes in the other is above a threshold.

    It is 1 for a box inside another.

    Args:
        xyxy: boxes.
        other: boxes.
        threshold: of all pairs, or of each.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878 (the last suppression of
    their code).

    >>> import jax.numpy as jnp
    >>> from genjax.detection import share_exceeds
    >>> boxes = jnp.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 2.0]])
    >>> share_exceeds(boxes, boxes, 0.5).tolist()
    [[True, True], [True, True]]
    """
    shared = _shared(xyxy, other)
    smaller = jnp.minimum(area(xyxy)[:, None], area(other)[None])
    return (smaller > 0) & (shared > threshold * smaller)


def diou_exceeds(
    xyxy: Float[Array, "n 4"], other: Float[Array, "m 4"], threshold: float | Array
) -> Bool[Array, "n m"]:
    """Whether `diou` of each two boxes is above a threshold.

    Args:
        xyxy: boxes.
        other: boxes.
        threshold: of all pairs, or of each.

    Source: Zheng et al., 2020, arXiv:1911.08287.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import diou_exceeds
    >>> boxes = jnp.array([[0.0, 0.0, 2.0, 2.0], [0.5, 0.0, 2.5, 2.0]])
    >>> diou_exceeds(boxes[:1], boxes, 0.59).tolist()
    [[True, False]]
    """
    left, top, right, bottom = (xyxy[:, i][:, None] for i in range(4))
    left_2, top_2, right_2, bottom_2 = (other[:, i][None] for i in range(4))
    across = jnp.maximum(right, right_2) - jnp.minimum(left, left_2)
    down = jnp.maximum(bottom, bottom_2) - jnp.minimum(top, top_2)
    apart = (left + right - left_2 - right_2) ** 2
    apart = (apart + (top + bottom - top_2 - bottom_2) ** 2) / 4
    diagonal = across**2 + down**2
    is_wide = diagonal > 0
    share = jnp.where(is_wide, apart, 0.0) / jnp.where(is_wide, diagonal, 1.0)
    return iou_exceeds(xyxy, other, threshold + share)


def _shared(xyxy: Array, other: Array) -> Float[Array, "n m"]:
    """The areas that each two boxes share."""
    left, top, right, bottom = (xyxy[:, i][:, None] for i in range(4))
    left_2, top_2, right_2, bottom_2 = (other[:, i][None] for i in range(4))
    width = jnp.minimum(right, right_2) - jnp.maximum(left, left_2)
    height = jnp.minimum(bottom, bottom_2) - jnp.maximum(top, top_2)
    return jnp.maximum(width, 0) * jnp.maximum(height, 0)


def nms(
    xyxy: Num[Array, "n 4"],
    score: Float[Array, " n"],
    valid: Bool[Array, " n"],
    *,
    iou_threshold: float,
    label: Int[Array, " n"] | None = None,
    exceeds: Exceeds = iou_exceeds,
) -> Bool[Array, " n"]:
    """Keeps a box unless a better one that is kept overlaps it beyond a threshold.

    Greedy suppression, index for index: boxes are taken by descending score, equal ones
    in their order. It is the only fixed point of

        keep = alive and not any(keep & overlaps)

    on the sorted boxes, reached in a few parallel rounds; blocks of boxes are settled
    one after another, so that memory is linear in their number.

    Args:
        xyxy: boxes, in any order and anywhere in the plane.
        score: their scores.
        valid: False for boxes that neither stay nor suppress.
        iou_threshold: in [0, 1].
        label: where given, boxes suppress only those of their own class.
        exceeds: what tells whether boxes overlap: `iou_exceeds`; `diou_exceeds`, less
            for centres that are apart, so that neighbours behind one another stay; or
            `share_exceeds`, of the smaller box.

    Returns:
        Which boxes stay, in the order they came in.

    Raises:
        InputError: `iou_threshold` is outside [0, 1].

    Source: Neubeck and Van Gool, 2006.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import nms
    >>> boxes = jnp.array([[0.0, 0, 2, 2], [0, 0, 2, 2.1], [5, 5, 6, 6]])
    >>> score, valid = jnp.array([0.5, 0.9, 0.1]), jnp.ones(3, bool)
    >>> nms(boxes, score, valid, iou_threshold=0.5).tolist()
    [False, True, True]
    """
    if not 0 <= iou_threshold <= 1:
        raise InputError(f"nms: iou_threshold must be in [0, 1], got {iou_threshold}.")
    n = len(xyxy)
    if n == 0:
        return valid
    block = min(BLOCK, n)
    order = jnp.argsort(jnp.where(valid, -score, jnp.inf), stable=True)
    padding = -n % block
    boxes = jnp.pad(as_float(xyxy)[order], ((0, padding), (0, 0)))
    alive = jnp.pad(valid[order], (0, padding))
    classes = None if label is None else jnp.pad(label[order], (0, padding))
    columns = _Columns(boxes, classes, exceeds)

    def settle(index: Array, alive: Array) -> Array:
        start = index * block
        rows = columns.slice(start, block)
        own = jax.lax.dynamic_slice(alive, (start,), (block,))
        before = jnp.arange(block)[:, None] < jnp.arange(block)[None]
        keep = _fixed_point(own, rows.overlaps(rows, iou_threshold) & before)

        def suppress(alive: Array) -> Array:
            hit = jnp.any(rows.overlaps(columns, iou_threshold) & keep[:, None], axis=0)
            later = jnp.arange(len(alive)) >= start + block
            return alive & ~(hit & later)

        alive = jax.lax.cond(jnp.any(keep), suppress, lambda alive: alive, alive)
        return jax.lax.dynamic_update_slice(alive, keep, (start,))

    keep = jax.lax.fori_loop(0, len(boxes) // block, settle, alive)[:n]
    return jnp.zeros(n, bool).at[order].set(keep)


class _Columns:
    """Boxes with their classes, in blocks."""

    def __init__(self, xyxy: Array, label: Array | None, exceeds: Exceeds) -> None:
        self.xyxy, self.label, self.exceeds = xyxy, label, exceeds

    def slice(self, start: Array, size: int) -> "_Columns":
        xyxy = jax.lax.dynamic_slice(self.xyxy, (start, 0), (size, 4))
        label = self.label
        if label is not None:
            label = jax.lax.dynamic_slice(label, (start,), (size,))
        return _Columns(xyxy, label, self.exceeds)

    def overlaps(self, other: "_Columns", threshold: float) -> Array:
        """`[rows, columns]`: whether the overlap is above the threshold."""
        above = self.exceeds(self.xyxy, other.xyxy, threshold)
        if self.label is None or other.label is None:
            return above
        return above & (self.label[:, None] == other.label[None])


def _fixed_point(alive: Array, overlaps: Array) -> Array:
    """Solves `keep = alive & ~any(keep & overlaps)` for strictly upper `overlaps`."""

    def round_of(keep: Array) -> Array:
        return alive & ~jnp.any(overlaps & keep[:, None], axis=0)

    def changed(pair: tuple[Array, Array]) -> Array:
        return jnp.any(pair[0] != pair[1])

    def advance(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        return pair[1], round_of(pair[1])

    return jax.lax.while_loop(changed, advance, (alive, round_of(alive)))[1]
