"""Overlaps of boxes, with finite gradients also for degenerate ones.

Boxes of less than 1e-12 square pixels have no overlap; coordinates may be as large as
1e9. Integers and half precision are taken in float32, where areas do not overflow; the
overlap with a box that is NaN is NaN.
"""

import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.detection._boxes import area
from genjax.typing import Array, Float, Num

Box = Num[Array, "*b 4"]
Other = Num[Array, "*c 4"]
Overlap = Float[Array, "*d"]


def iou(a: Box, b: Other) -> Overlap:
    """Intersection over union, box by box.

        IoU = |A n B| / |A u B|

    It is 0, with gradient 0, where the union is empty.

    Args:
        a: boxes `[*b, 4]`, xyxy.
        b: boxes that broadcast with them.

    Source: Jaccard, 1901.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import iou
    >>> iou(jnp.array([0.0, 0.0, 2.0, 2.0]), jnp.array([1.0, 0.0, 3.0, 2.0])).item()
    0.3333333
    """
    return _ratio(*_intersection_and_union(a, b))


def giou(a: Box, b: Other) -> Overlap:
    """Generalised IoU: it keeps a gradient where boxes do not meet.

        GIoU = IoU - |C minus (A u B)| / |C|,   C the smallest box around both

    Args:
        a: boxes `[*b, 4]`, xyxy.
        b: boxes that broadcast with them.

    Source: Rezatofighi et al., 2019, arXiv:1902.09630.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import giou
    >>> giou(jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([2.0, 0.0, 3.0, 1.0])).item()
    -0.3333333
    """
    intersection, union = _intersection_and_union(a, b)
    a, b = as_float(a), as_float(b)
    low = jnp.minimum(a[..., :2], b[..., :2])
    high = jnp.maximum(a[..., 2:], b[..., 2:])
    hull = area(jnp.concatenate([low, high], axis=-1))
    return _ratio(intersection, union) - _ratio(hull - union, hull)


def pairwise_iou(
    a: Num[Array, "*b n 4"], b: Num[Array, "*b m 4"]
) -> Float[Array, "*b n m"]:
    """Intersection over union of all pairs.

    Source: Jaccard, 1901.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import pairwise_iou
    >>> boxes = jnp.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]])
    >>> pairwise_iou(boxes, boxes)[0].tolist()
    [1.0, 0.3333333]
    """
    return iou(a[..., :, None, :], b[..., None, :, :])


def _intersection_and_union(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = as_float(a), as_float(b)
    low = jnp.maximum(a[..., :2], b[..., :2])
    high = jnp.minimum(a[..., 2:], b[..., 2:])
    intersection = area(jnp.concatenate([low, high], axis=-1))
    return intersection, area(a) + area(b) - intersection


def _ratio(part: Array, whole: Array) -> Array:
    """`part / whole`, and 0 where the whole is nothing; safe before the division."""
    # Below, the square that the division's gradient needs would underflow.
    positive = ~(whole <= 1e-12)
    return jnp.where(positive, part, 0.0) / jnp.where(positive, whole, 1.0)
