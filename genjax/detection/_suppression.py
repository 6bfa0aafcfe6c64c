"""Other ways than greedy suppression to make one detection of many.

They take boxes of one image in any order, and under `vmap` those of a batch; boxes of
different labels, where there are labels, do not meet.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
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
        xyxy: means, weighted by scores, `[n, 4]`; zeros for padding.
        score: means `[n]`; 0 for padding.
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
