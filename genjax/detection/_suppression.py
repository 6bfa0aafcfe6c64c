"""Other ways than greedy suppression to make one detection of many.

They take boxes of one image in any order, and under `vmap` those of a batch; boxes of
different labels, where there are labels, do not meet.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.detection._boxes import area
from genjax.detection._iou import iou, pairwise_iou
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int, Num

Decay = Callable[[Array], Array]
Xyxy = Num[Array, "n 4"]
Score = Float[Array, " n"]
Valid = Bool[Array, " n"]
Label = Int[Array, " n"]


def soft_nms_linear(
    xyxy: Xyxy,
    score: Score,
    valid: Valid,
    *,
    iou_threshold: float = 0.3,
    label: Label | None = None,
) -> Score:
    """Lowers the scores of boxes that overlap better ones, instead of dropping them.

    The best box is taken, those that remain and overlap it by at least the threshold
    lose `score (1 - IoU)`, and so on; equal scores in their order.

    Args:
        xyxy: boxes `[n, 4]`, in any order.
        score: their scores, not negative.
        valid: False for boxes that neither stay nor lower others.
        iou_threshold: overlap from which on a score is lowered.
        label: where given, boxes lower only those of their own class.

    Returns:
        The scores, 0 where a box is not valid.

    Source: Bodla, Singh, Chellappa and Davis, 2017, arXiv:1704.04503.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import soft_nms_linear
    >>> boxes = jnp.array([[0.0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]])
    >>> score, valid = jnp.array([0.8, 0.6, 0.5]), jnp.ones(3, bool)
    >>> soft_nms_linear(boxes, score, valid).round(3).tolist()
    [0.8, 0.3, 0.5]
    """

    def decay(overlap: Array) -> Array:
        return jnp.where(overlap >= iou_threshold, 1 - overlap, 1.0)

    return _soft_nms(xyxy, score, valid, label, decay)


def soft_nms_gaussian(
    xyxy: Xyxy,
    score: Score,
    valid: Valid,
    *,
    sigma: float = 0.5,
    label: Label | None = None,
) -> Score:
    """Lowers scores like `soft_nms_linear`, by `exp(-IoU^2 / sigma)` at any overlap.

    Args:
        xyxy: boxes `[n, 4]`, in any order.
        score: their scores, not negative.
        valid: False for boxes that neither stay nor lower others.
        sigma: the smaller, the more is lost.
        label: where given, boxes lower only those of their own class.

    Source: Bodla, Singh, Chellappa and Davis, 2017, arXiv:1704.04503.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import soft_nms_gaussian
    >>> boxes = jnp.array([[0.0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]])
    >>> score, valid = jnp.array([0.8, 0.6, 0.5]), jnp.ones(3, bool)
    >>> soft_nms_gaussian(boxes, score, valid).round(3).tolist()
    [0.8, 0.364, 0.5]
    """
    return _soft_nms(
        xyxy, score, valid, label, lambda overlap: jnp.exp(-(overlap**2) / sigma)
    )


def _soft_nms(
    xyxy: Xyxy, score: Score, valid: Valid, label: Label | None, decay: Decay
) -> Score:
    boxes, n = as_float(xyxy), len(xyxy)

    def take(_: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        scores, free = state
        best = jnp.argmax(jnp.where(free, scores, -1.0))
        free = free.at[best].set(False)
        lowered = scores * decay(iou(boxes[best][None], boxes))
        meets = free if label is None else free & (label == label[best])
        # When nothing is free any more, nothing is left to lower.
        return jnp.where(meets, lowered, scores), free

    start = jnp.where(valid, as_float(score), 0.0), valid
    return jax.lax.fori_loop(0, n, take, start)[0]


def matrix_nms(
    xyxy: Xyxy,
    score: Score,
    valid: Valid,
    *,
    sigma: float = 2.0,
    label: Label | None = None,
) -> Score:
    """Lowers all scores at once, each by the better box that costs it most.

        score_j min over better i of exp(-sigma (IoU_ij^2 - c_i^2)),

    `c_i` is the highest overlap of i with a better one: what is likely to be
    suppressed itself lowers little.

    Args:
        xyxy: boxes `[n, 4]`, in any order.
        score: their scores; equal ones count in their order.
        valid: False for boxes that neither stay nor lower others.
        sigma: the greater, the more is lost.
        label: where given, boxes lower only those of their own class.

    Returns:
        The scores, 0 where a box is not valid.

    Source: Wang et al., 2020, arXiv:2003.10152.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import matrix_nms
    >>> boxes = jnp.array([[0.0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]])
    >>> score, valid = jnp.array([0.8, 0.6, 0.5]), jnp.ones(3, bool)
    >>> matrix_nms(boxes, score, valid).round(3).tolist()
    [0.8, 0.364, 0.5]
    """
    scores, n = as_float(score), len(xyxy)
    order = jnp.argsort(jnp.where(valid, -scores, jnp.inf), stable=True)
    boxes, live = as_float(xyxy)[order], valid[order]
    meets = (jnp.arange(n)[:, None] < jnp.arange(n)[None]) & live[:, None] & live[None]
    if label is not None:
        meets = meets & (label[order][:, None] == label[order][None])
    overlap = jnp.where(meets, pairwise_iou(boxes, boxes), 0.0)
    most = jnp.max(overlap, axis=0, initial=0.0)
    factor = jnp.exp(-sigma * (overlap**2 - most[:, None] ** 2))
    lowest = jnp.min(jnp.where(meets, factor, 1.0), axis=0, initial=1.0)
    found = jnp.where(live, scores[order] * lowest, 0.0)
    return jnp.zeros(n, found.dtype).at[order].set(found)


class Fused(NamedTuple):
    """Boxes that were made of several, in the order of their best ones.

    Fields:
        xyxy: `[n, 4]`; zeros for padding.
        score: `[n]`; 0 for padding.
        label: of each `[n]`.
        valid: False for padding.
    """

    xyxy: Array
    score: Array
    label: Array
    valid: Array


def fuse_boxes(
    xyxy: Xyxy,
    score: Score,
    valid: Valid,
    label: Label,
    *,
    iou_threshold: float = 0.55,
    models: int = 1,
) -> Fused:
    """Makes one box of those that overlap, by weighted means: for several detectors.

    By descending score, a box joins the fused box of its class that it overlaps most,
    beyond the threshold, or begins a new one. A fused box is the mean of its boxes
    weighted by their scores, and its score their mean times `min(boxes, models) /
    models`.

    Args:
        xyxy: boxes of all detectors `[n, 4]`, in any order.
        score: their scores, positive.
        valid: False for boxes that have no part.
        label: their classes.
        iou_threshold: overlap beyond which boxes are one, in [0, 1].
        models: how many detectors there are.

    Raises:
        InputError: `models` is below 1.

    Source: Solovyev, Wang and Gabruseva, 2021, arXiv:1910.13302.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import fuse_boxes
    >>> boxes = jnp.array([[0.0, 0, 2, 2], [0, 0, 2, 3], [5, 5, 6, 6]])
    >>> score, valid = jnp.array([0.8, 0.4, 0.5]), jnp.ones(3, bool)
    >>> fused = fuse_boxes(boxes, score, valid, jnp.zeros(3, int))
    >>> fused.xyxy[0].round(2).tolist(), fused.valid.tolist()
    ([0.0, 0.0, 2.0, 2.33], [True, True, False])
    """
    if models < 1:
        raise InputError(f"fuse_boxes: models must be at least 1, got {models}.")
    n, scores = len(xyxy), as_float(score)
    if not n:
        return Fused(as_float(xyxy), scores, label, valid)
    order = jnp.argsort(jnp.where(valid, -scores, jnp.inf), stable=True)

    def join(state: "_Clusters", item: tuple) -> tuple["_Clusters", None]:
        box, own, is_valid, kind = item
        overlap = iou(state.mean, box[None])
        fits = (state.count > 0) & (state.label == kind) & (overlap > iou_threshold)
        best = jnp.argmax(jnp.where(fits, overlap, -1.0))
        new = jnp.sum((state.count > 0).astype(jnp.int32))
        place = jnp.where(jnp.any(fits), best, new)
        # What is not valid goes nowhere.
        place = jnp.where(is_valid, place, n)
        return _Clusters(
            state.weighted.at[place].add(own * box, mode="drop"),
            state.weight.at[place].add(own, mode="drop"),
            state.count.at[place].add(1.0, mode="drop"),
            state.label.at[place].set(kind, mode="drop"),
        ), None

    zeros = jnp.zeros(n, scores.dtype)
    boxes = as_float(xyxy)
    start = _Clusters(jnp.zeros_like(boxes), zeros, zeros, jnp.zeros_like(label))
    items = (boxes, scores, valid, label)
    found, _ = jax.lax.scan(join, start, tuple(x[order] for x in items))
    used = found.count > 0
    share = jnp.minimum(found.count, models) / models
    mean = jnp.where(used, found.weight / jnp.maximum(found.count, 1.0), 0.0)
    return Fused(found.mean, mean * share, found.label, used)


def merge_fragments(
    xyxy: Xyxy,
    score: Score,
    valid: Valid,
    label: Label,
    *,
    share_threshold: float = 0.5,
) -> Fused:
    """Makes one box of the pieces of an object, as tiles of a large image cut it.

    By descending score, a box belongs to the first box before it that it overlaps by

        share = area(A and B) / min(area(A), area(B)) >= share_threshold,

    or stands for itself. Each that stands grows to the smallest box around itself and
    what belongs to it, in order, as long as that still overlaps the grown box so much;
    the rest is dropped. Scores stay those of the best pieces.

    Args:
        xyxy: boxes `[n, 4]`, in any order.
        score: their scores; equal ones count in their order.
        valid: False for boxes that have no part.
        label: boxes of different classes do not meet.
        share_threshold: overlap from which on pieces are one object's, in (0, 1].

    Returns:
        The boxes around the pieces, with the scores of the best ones.

    Raises:
        InputError: the threshold is not above 0 and at most 1.

    Source: Akyon, Altinuc and Temizel, 2022, arXiv:2202.06934.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import merge_fragments
    >>> boxes = jnp.array([[0.0, 0, 6, 4], [4, 0, 8, 4], [20, 0, 24, 4]])
    >>> score, valid = jnp.array([0.8, 0.6, 0.5]), jnp.ones(3, bool)
    >>> merged = merge_fragments(boxes, score, valid, jnp.zeros(3, int))
    >>> merged.xyxy[:2].tolist(), merged.valid.tolist()
    ([[0.0, 0.0, 8.0, 4.0], [20.0, 0.0, 24.0, 4.0]], [True, True, False])
    """
    if not 0 < share_threshold <= 1:
        raise InputError(
            "merge_fragments: share_threshold must be above 0 and at most 1, got "
            f"{share_threshold}."
        )
    n, scores, boxes = len(xyxy), as_float(score), as_float(xyxy)
    if not n:
        return Fused(boxes, scores, label, valid)
    order = jnp.argsort(jnp.where(valid, -scores, jnp.inf), stable=True)

    def join(found: "_Merged", item: tuple) -> tuple["_Merged", None]:
        box, own, is_valid, kind = item
        fits = found.used & (found.label == kind)
        fits = fits & (_share(found.first, box[None]) >= share_threshold)
        is_new = ~jnp.any(fits)
        place = jnp.where(is_new, jnp.sum(found.used.astype(int)), jnp.argmax(fits))
        # What is not valid goes nowhere.
        place = jnp.where(is_valid, place, n)
        before = found.grown[place]
        around = jnp.concatenate(
            [jnp.minimum(before[:2], box[:2]), jnp.maximum(before[2:], box[2:])]
        )
        meets = _share(before, box) >= share_threshold
        grown = jnp.where(is_new, box, jnp.where(meets, around, before))
        return _Merged(
            found.first.at[place].set(
                jnp.where(is_new, box, found.first[place]), mode="drop"
            ),
            found.grown.at[place].set(grown, mode="drop"),
            found.score.at[place].set(
                jnp.where(is_new, own, found.score[place]), mode="drop"
            ),
            found.label.at[place].set(kind, mode="drop"),
            found.used.at[place].set(True, mode="drop"),
        ), None

    none = jnp.zeros_like(boxes)
    start = _Merged(
        none,
        none,
        jnp.zeros_like(scores),
        jnp.zeros_like(label),
        jnp.zeros_like(valid),
    )
    items = tuple(x[order] for x in (boxes, scores, valid, label))
    found, _ = jax.lax.scan(join, start, items)
    return Fused(found.grown, found.score, found.label, found.used)


class _Merged(NamedTuple):
    """What has been merged so far: first pieces, and what they have grown to."""

    first: Array
    grown: Array
    score: Array
    label: Array
    used: Array


def _share(a: Array, b: Array) -> Array:
    """The intersection as a share of the smaller box; 0 where that is nothing."""
    low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
    common = area(jnp.concatenate([low, high], axis=-1))
    least = jnp.minimum(area(a), area(b))
    return jnp.where(least > 0, common, 0.0) / jnp.where(least > 0, least, 1.0)


class _Clusters(NamedTuple):
    """Sums over the boxes of each fused one."""

    weighted: Array
    weight: Array
    count: Array
    label: Array

    @property
    def mean(self) -> Array:
        weight = self.weight[:, None]
        return jnp.where(weight > 0, self.weighted, 0.0) / jnp.where(
            weight > 0, weight, 1.0
        )
