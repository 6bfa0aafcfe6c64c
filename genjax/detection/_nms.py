"""Non-maximum suppression: exactly the greedy one, in parallel."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.detection._boxes import area
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int, Num

BLOCK = 256
Overlap = Literal["iou", "diou", "smaller"]


def nms(
    xyxy: Num[Array, "n 4"],
    score: Float[Array, " n"],
    valid: Bool[Array, " n"],
    *,
    iou_threshold: float,
    label: Int[Array, " n"] | None = None,
    overlap: Overlap = "iou",
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
        overlap: `"iou"`; `"diou"`, less for centres that are apart, so that neighbours
            behind one another stay; or `"smaller"`, the share of the smaller box, which
            is 1 for a box inside another.

    Returns:
        Which boxes stay, in the order they came in.

    Raises:
        InputError: `iou_threshold` is outside [0, 1], or there is no such overlap.

    Source: Neubeck and Van Gool, 2006; `"diou"`: Zheng et al., 2020,
    arXiv:1911.08287.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import nms
    >>> boxes = jnp.array([[0.0, 0, 2, 2], [0, 0, 2, 2.1], [5, 5, 6, 6]])
    >>> score, valid = jnp.array([0.5, 0.9, 0.1]), jnp.ones(3, bool)
    >>> nms(boxes, score, valid, iou_threshold=0.5).tolist()
    [False, True, True]
    """
    if not 0 <= iou_threshold <= 1:
        raise InputError(f"nms: iou_threshold must be in [0, 1], got {iou_threshold}.")
    if overlap not in get_args(Overlap):
        raise InputError(
            f"nms: overlap must be one of {', '.join(get_args(Overlap))}, got "
            f"{overlap!r}."
        )
    n = len(xyxy)
    if n == 0:
        return valid
    block = min(BLOCK, n)
    order = jnp.argsort(jnp.where(valid, -score, jnp.inf), stable=True)
    padding = -n % block
    boxes = jnp.pad(as_float(xyxy)[order], ((0, padding), (0, 0)))
    alive = jnp.pad(valid[order], (0, padding))
    classes = None if label is None else jnp.pad(label[order], (0, padding))
    columns = _Columns(boxes, classes, overlap)

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
    """Boxes as four columns, so that overlaps vectorise along them."""

    def __init__(self, xyxy: Array, label: Array | None, overlap: Overlap) -> None:
        self.xyxy, self.label, self.overlap = xyxy, label, overlap

    def slice(self, start: Array, size: int) -> "_Columns":
        xyxy = jax.lax.dynamic_slice(self.xyxy, (start, 0), (size, 4))
        label = self.label
        if label is not None:
            label = jax.lax.dynamic_slice(label, (start,), (size,))
        return _Columns(xyxy, label, self.overlap)

    def overlaps(self, other: "_Columns", threshold: float | Array) -> Array:
        """`[rows, columns]`: whether the overlap is above the threshold."""
        left, top, right, bottom = (self.xyxy[:, i][:, None] for i in range(4))
        left_2, top_2, right_2, bottom_2 = (other.xyxy[:, i][None] for i in range(4))
        width = jnp.minimum(right, right_2) - jnp.maximum(left, left_2)
        height = jnp.minimum(bottom, bottom_2) - jnp.maximum(top, top_2)
        shared = jnp.maximum(width, 0) * jnp.maximum(height, 0)
        areas = area(self.xyxy)[:, None], area(other.xyxy)[None]
        whole = (
            jnp.minimum(*areas)
            if self.overlap == "smaller"
            else areas[0] + areas[1] - shared
        )
        # No quotient, which accelerators round otherwise: ties are ties everywhere.
        if self.overlap == "diou":
            across = jnp.maximum(right, right_2) - jnp.minimum(left, left_2)
            down = jnp.maximum(bottom, bottom_2) - jnp.minimum(top, top_2)
            apart = (left + right - left_2 - right_2) ** 2
            apart = (apart + (top + bottom - top_2 - bottom_2) ** 2) / 4
            diagonal = across**2 + down**2
            share = jnp.where(diagonal > 0, apart, 0.0) / jnp.where(
                diagonal > 0, diagonal, 1.0
            )
            threshold = threshold + share
        above = (whole > 0) & (shared > threshold * whole)
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
