"""Overlaps of boxes, with finite gradients also for degenerate ones.

Boxes of less than 1e-12 square pixels have no overlap; coordinates may be as large as
1e9. Integers and half precision are taken in float32, where areas do not overflow; the
overlap with a box that is NaN is NaN.
"""

import math

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.detection._boxes import area, centre_and_size
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
    hull = area(_hull(a, b))
    return _ratio(intersection, union) - _ratio(hull - union, hull)


def diou(a: Box, b: Other) -> Overlap:
    """Distance IoU: centres that are apart cost more.

        DIoU = IoU - d^2 / c^2

    `d` is the distance of the centres, `c` the diagonal of the smallest box around
    both.

    Args:
        a: boxes `[*b, 4]`, xyxy.
        b: boxes that broadcast with them.

    Source: Zheng et al., 2020, arXiv:1911.08287.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import diou
    >>> diou(jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([2.0, 0.0, 3.0, 1.0])).item()
    -0.4
    """
    a, b = as_float(a), as_float(b)
    return _ratio(*_intersection_and_union(a, b)) - _apart(a, b)


def ciou(a: Box, b: Other) -> Overlap:
    """Complete IoU: shapes that differ cost more too.

        CIoU = DIoU - v^2 / (1 - IoU + v),
        v = (2 / pi)^2 (atan(w_a / h_a) - atan(w_b / h_b))^2

    The weight `v / (1 - IoU + v)` is constant for the gradient, as in the paper.

    Args:
        a: boxes `[*b, 4]`, xyxy.
        b: boxes that broadcast with them.

    Source: Zheng et al., 2020, arXiv:1911.08287.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import ciou
    >>> ciou(jnp.array([0.0, 0.0, 2.0, 2.0]), jnp.array([0.0, 0.0, 2.0, 2.0])).item()
    1.0
    """
    a, b = as_float(a), as_float(b)
    plain = _ratio(*_intersection_and_union(a, b))
    turned = (2 / math.pi) * (_slope(a) - _slope(b))
    unlike = turned**2
    share = jax.lax.stop_gradient(_ratio(unlike, 1 - plain + unlike))
    return plain - _apart(a, b) - share * unlike


def wasserstein_similarity(a: Box, b: Other, *, scale: float = 12.8) -> Overlap:
    """How alike boxes are as normal distributions: for the smallest objects.

        exp(-W / scale),   W^2 = |m_a - m_b|^2 + |(w_a - w_b, h_a - h_b)|^2 / 4

    `W` is the Wasserstein distance of normals about the centres `m` with half the sides
    for deviations. It is 1, with gradient 0, for boxes that are equal.

    Args:
        a: boxes `[*b, 4]`, xyxy.
        b: boxes that broadcast with them.
        scale: in pixels: the mean size of the objects; the paper's is that of its set.

    Source: Wang, Xu, Yang and Yu, 2022, arXiv:2110.13389.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import wasserstein_similarity
    >>> box = jnp.array([0.0, 0.0, 2.0, 2.0])
    >>> wasserstein_similarity(box, box + 1, scale=2.0).round(4).item()
    0.4931
    """
    a, b = as_float(a), as_float(b)
    (centre_a, size_a), (centre_b, size_b) = centre_and_size(a), centre_and_size(b)
    between = centre_a - centre_b
    grown = (size_a - size_b) / 2
    square = jnp.sum(between**2 + grown**2, axis=-1)
    apart = ~(square <= 0)
    distance = jnp.where(apart, jnp.sqrt(jnp.where(apart, square, 1.0)), 0.0)
    return jnp.exp(-distance / scale)


def _apart(a: Array, b: Array) -> Array:
    """The squared distance of centres in squared diagonals of the hull."""
    (centre_a, _), (centre_b, _) = centre_and_size(a), centre_and_size(b)
    distance = jnp.sum((centre_a - centre_b) ** 2, axis=-1)
    _, sides = centre_and_size(_hull(a, b))
    return _ratio(distance, jnp.sum(sides**2, axis=-1))


def _hull(a: Array, b: Array) -> Array:
    """The smallest box around all edges of both, also where they are inside out."""
    ends = [x[..., i : i + 2] for x in (a, b) for i in (0, 2)]
    low = jnp.minimum(jnp.minimum(ends[0], ends[1]), jnp.minimum(ends[2], ends[3]))
    high = jnp.maximum(jnp.maximum(ends[0], ends[1]), jnp.maximum(ends[2], ends[3]))
    return jnp.concatenate([low, high], axis=-1)


def _slope(xyxy: Array) -> Array:
    """The angle of the diagonal; that of a square where there is no height or width."""
    width, height = jnp.moveaxis(centre_and_size(xyxy)[1], -1, 0)
    # A NaN is no degenerate box: it stays.
    flat = (width <= 0) | (height <= 0)
    return jnp.arctan(jnp.where(flat, 1.0, width) / jnp.where(flat, 1.0, height))


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
