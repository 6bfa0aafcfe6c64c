"""One set of detections of several: of scales, of mirrored images, of tiles."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from genjax.detection._boxes import Boxes
from genjax.detection._dense import best_boxes
from genjax.detection._nms import nms
from genjax.detection._suppression import Fused, fuse_boxes, merge_fragments
from genjax.typing import Array, Variables

Merge = Callable[[Boxes], Boxes]
"""From all detections of each image `[b, n]` to those that stay, best first."""
Detector = Callable[[Variables, Array], Boxes]
"""`(variables, images [b, h, w, c]) -> boxes [b, n]`, as `detector` makes it."""


def by_suppression(*, iou_threshold: float = 0.5, most: int = 100) -> Merge:
    """Keeps the best of those that overlap, class by class.

    Args:
        iou_threshold: of the suppression.
        most: detections of an image.

    Returns:
        `boxes [b, n] -> boxes [b, most]`.

    Source: Neubeck and Van Gool, 2006, doi:10.1109/ICPR.2006.479.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Boxes
    >>> from genjax.detection.scales import by_suppression
    >>> xyxy = jnp.array([[[0.0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12]]])
    >>> score, label = jnp.array([[0.5, 0.9, 0.7]]), jnp.zeros((1, 3), jnp.int32)
    >>> found = Boxes(xyxy, label, score > 0, score, score < 0)
    >>> by_suppression()(found).score.round(2).tolist()
    [[0.9, 0.7, 0.0]]
    """

    def merge(xyxy: Array, label: Array, valid: Array, score: Array) -> Fused:
        keep = nms(xyxy, score, valid, iou_threshold=iou_threshold, label=label)
        return Fused(xyxy, score, label, keep)

    return _of_images(merge, most)


def by_fusion(
    *, iou_threshold: float = 0.55, models: int = 1, most: int = 100
) -> Merge:
    """Takes means of those that overlap, weighted by scores, as `fuse_boxes`.

    Args:
        iou_threshold: overlap beyond which boxes are one.
        models: how many times each object could have been found.
        most: detections of an image.

    Returns:
        `boxes [b, n] -> boxes [b, most]`.

    Source: Solovyev, Wang and Gabruseva, 2021, arXiv:1910.13302.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Boxes
    >>> from genjax.detection.scales import by_fusion
    >>> xyxy = jnp.array([[[0.0, 0, 4, 4], [0, 0, 4, 5]]])
    >>> score, label = jnp.array([[0.5, 0.5]]), jnp.zeros((1, 2), jnp.int32)
    >>> found = Boxes(xyxy, label, score > 0, score, score < 0)
    >>> by_fusion(models=2)(found).xyxy[0, 0].tolist()
    [0.0, 0.0, 4.0, 4.5]
    """

    def merge(xyxy: Array, label: Array, valid: Array, score: Array) -> Fused:
        how = {"iou_threshold": iou_threshold, "models": models}
        return fuse_boxes(xyxy, score, valid, label, **how)

    return _of_images(merge, most)


def by_fragments(*, share_threshold: float = 0.5, most: int = 100) -> Merge:
    """Joins pieces of one object, as `merge_fragments`, and then what has been joined.

    The second time joins pieces that meet only what others have grown to.

    Args:
        share_threshold: overlap from which on pieces are one object's, as a share of
            the smaller.
        most: detections of an image.

    Returns:
        `boxes [b, n] -> boxes [b, most]`.

    Source: Akyon, Altinuc and Temizel, 2022, arXiv:2202.06934.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Boxes
    >>> from genjax.detection.scales import by_fragments
    >>> xyxy = jnp.array([[[0.0, 0, 6, 4], [4, 0, 8, 4]]])
    >>> score, label = jnp.array([[0.5, 0.9]]), jnp.zeros((1, 2), jnp.int32)
    >>> found = Boxes(xyxy, label, score > 0, score, score < 0)
    >>> by_fragments()(found).xyxy[0, 0].tolist()
    [0.0, 0.0, 8.0, 4.0]
    """

    def merge(xyxy: Array, label: Array, valid: Array, score: Array) -> Fused:
        found = Fused(xyxy, score, label, valid)
        for _ in range(2):
            found = merge_fragments(
                found.xyxy,
                found.score,
                found.valid,
                found.label,
                share_threshold=share_threshold,
            )
        return found

    return _of_images(merge, most)


def _of_images(
    merge: Callable[[Array, Array, Array, Array], Fused], most: int
) -> Merge:
    """Merges image by image, and keeps the best."""

    def of_image(boxes: Boxes) -> Boxes:
        found = merge(*boxes[:4])
        best = best_boxes(found.xyxy, found.label, found.score, found.valid, most=most)
        return best._replace(xyxy=jnp.where(best.valid[:, None], best.xyxy, 0.0))

    return jax.vmap(of_image)


def joined(parts: Sequence[Boxes]) -> Boxes:
    """The detections of all parts `[b, n]`, side by side."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), *parts)
