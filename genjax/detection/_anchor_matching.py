"""Which anchors learn which object."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.detection._boxes import Boxes
from genjax.detection._dense import Grid
from genjax.detection._iou import pairwise_iou, wasserstein_similarity
from genjax.detection._matching import marked
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int

AnchorMatching = Callable[[Boxes, Array], tuple[Array, Array]]
"""From the boxes of one image and its anchors `[p, 4]` to the row of each anchor's
object `[p]`, and whether it has one."""
Overlap = Callable[[Array, Array], Array]
"""From anchors `[p, 4]` and boxes `[n, 4]` to how alike they are, `[p, n]`."""


def by_overlap(
    *, positive_iou: float = 0.5, overlap: Overlap = pairwise_iou
) -> AnchorMatching:
    """Anchors that overlap an object enough, and the best of each object anyway.

    Of several objects with one best anchor, the smallest has it: `covering` of
    `genjax.detection.scales` gives the others theirs.

    Args:
        positive_iou: overlap from which on an anchor learns the object that it overlaps
            most.
        overlap: of anchors `[p, 4]` with boxes `[n, 4]`, in [0, 1]; of the smallest
            objects, `pairwise_wasserstein`.

    Returns:
        `(boxes [n], anchors [p, 4]) -> (index [p], has_one [p])`, of one image.

    Raises:
        InputError: `positive_iou` is outside [0, 1].

    Source: Lin et al., 2017, arXiv:1708.02002.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import by_overlap, ground_truth
    >>> one = jnp.zeros(1, int)
    >>> boxes = ground_truth(jnp.array([[0.0, 0, 8, 8]]), one, one == 0)
    >>> anchors = jnp.array([[0.0, 0, 8, 8], [0, 0, 8, 6], [6, 6, 9, 9]])
    >>> by_overlap()(boxes, anchors)[1].tolist()
    [True, True, False]
    """
    _check_iou("by_overlap", "positive_iou", positive_iou)

    def match(boxes: Boxes, anchors: Array) -> tuple[Array, Array]:
        check_anchors_given("by_overlap", anchors)
        return _first_round(_of_objects(overlap, boxes, anchors), positive_iou)

    return match


def compensated(
    *,
    positive_iou: float = 0.35,
    least_iou: float = 0.1,
    most: int = 32,
    overlap: Overlap = pairwise_iou,
) -> AnchorMatching:
    """More anchors for the objects that have few: small ones, mostly.

    First as `by_overlap`. Let N be the mean number of anchors over the objects of the
    image, rounded up. An object with fewer takes, of the N that overlap it most, those
    that are free and overlap it by more than `least_iou`.

    Args:
        positive_iou: of the first round.
        least_iou: of the second.
        most: the largest N that counts.
        overlap: as in `by_overlap`.

    Returns:
        `(boxes [n], anchors [p, 4]) -> (index [p], has_one [p])`, of one image.

    Raises:
        InputError: the overlaps are not ascending in [0, 1], or `most` is below 1.

    Source: Zhang, Zhu, Lei, Shi, Wang and Li, 2017, arXiv:1708.05237.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import compensated, ground_truth
    >>> one = jnp.zeros(2, int)
    >>> xyxy = jnp.array([[0.0, 0, 8, 8], [20, 20, 22, 22]])
    >>> boxes = ground_truth(xyxy, one, one == 0)
    >>> near = jnp.array([[0.0, 0, 8, 7], [0, 0, 7, 8], [0, 0, 8, 8]])
    >>> far = jnp.array([[20.0, 20, 24, 24], [19, 19, 23, 23], [18, 18, 22, 22]])
    >>> compensated()(boxes, jnp.concatenate([near, far]))[1].tolist()
    [True, True, True, True, True, False]
    """
    _check_iou("compensated", "positive_iou", positive_iou)
    if not 0 <= least_iou <= positive_iou or most < 1:
        raise InputError(
            "compensated: least_iou must be from 0 to positive_iou, and most at least "
            f"1, got {least_iou}, {positive_iou} and {most}."
        )

    def match(boxes: Boxes, anchors: Array) -> tuple[Array, Array]:
        check_anchors_given("compensated", anchors)
        near = _of_objects(overlap, boxes, anchors)
        index, positive = _first_round(near, positive_iou)
        own = positive[:, None] & (index[:, None] == jnp.arange(near.shape[1])[None])
        count = jnp.sum(own.astype(jnp.float32), axis=0)
        objects = boxes.objects
        total = jnp.sum(objects.astype(jnp.float32))
        wanted = jnp.ceil(jnp.sum(count) / jnp.maximum(total, 1.0))
        best, rows = jax.lax.top_k(near.T, min(most, len(near)))
        takes = jnp.arange(best.shape[1], dtype=jnp.float32)[None] < wanted
        takes &= (best > least_iou) & (objects & (count < wanted))[:, None]
        more = marked(rows, takes, len(near)) & ~positive[:, None]
        again = jnp.argmax(jnp.where(more, near, -1.0), axis=1)
        index = jnp.where(positive, index, again)
        return index, positive | jnp.any(more, axis=1)

    return match


def pairwise_wasserstein(*, scale: float) -> Overlap:
    """The `wasserstein_similarity` of anchors with boxes, which is never 0.

    Args:
        scale: the mean size of the objects, in pixels.

    Returns:
        `(anchors [p, 4], boxes [n, 4]) -> [p, n]`, for `by_overlap` and `compensated`.

    Raises:
        InputError: `scale` is not positive.

    Source: Wang, Xu, Yang and Yu, 2022, arXiv:2110.13389.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import pairwise_wasserstein
    >>> boxes = jnp.array([[0.0, 0.0, 2.0, 2.0], [6.0, 0.0, 8.0, 2.0]])
    >>> alike = pairwise_wasserstein(scale=6.0)(boxes[:1], boxes)
    >>> [round(value, 3) for value in alike[0].tolist()]
    [1.0, 0.368]
    """
    if not scale > 0:
        raise InputError(f"pairwise_wasserstein: scale must be positive, got {scale}.")
    return lambda anchors, boxes: wasserstein_similarity(
        anchors[:, None], boxes[None], scale=scale
    )


def _of_objects(
    overlap: Overlap, boxes: Boxes, anchors: Float[Array, "p 4"]
) -> Float[Array, "p n"]:
    """The overlaps with objects alone."""
    return jnp.where(boxes.objects[None], overlap(anchors, boxes.xyxy), 0.0)


def _first_round(
    overlap: Float[Array, "p n"], positive_iou: float
) -> tuple[Int[Array, " p"], Bool[Array, " p"]]:
    """The object of highest overlap, or that of which an anchor is the best."""
    best = jnp.arange(len(overlap))[:, None] == jnp.argmax(overlap, axis=0)[None]
    own = best & (overlap > 0)
    # Of several objects whose best anchor it is, the first, the smallest, has it.
    kept = jnp.any(own, axis=1)
    index = jnp.where(kept, jnp.argmax(own, axis=1), jnp.argmax(overlap, axis=1))
    enough = jnp.max(overlap, axis=1)
    return index, kept | ((enough >= positive_iou) & (enough > 0))


def check_anchors_given(user: str, anchors: object) -> None:
    """Checks that a matching of anchors is not used for places.

    Raises:
        InputError: these are places.
    """
    if isinstance(anchors, Grid):
        raise InputError(
            f"{user}: it matches anchors, for `retina`; places, for `fcos`, are "
            "matched by `by_size`, `atss` or `by_field`."
        )


def _check_iou(user: str, name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{user}: {name} must be in [0, 1], got {value}.")
