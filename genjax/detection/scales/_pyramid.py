"""A detector at several sizes of the image, and of the image mirrored."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection._boxes import Boxes, area
from genjax.detection.scales._merging import (
    Detector,
    Merge,
    by_fusion,
    by_suppression,
    joined,
)
from genjax.errors import InputError
from genjax.placement import Placement
from genjax.typing import Array, Float, Variables

Range = tuple[float, float]
"""The least and the greatest size of an object, the root of its area, in pixels."""
EVERY: Range = (0.0, math.inf)


def resized(image: Float[Array, "b h w c"], factor: float) -> Float[Array, "b h2 w2 c"]:
    """Returns images of another size, bilinearly; smaller ones see all pixels.

    Args:
        image: `[b, h, w, c]`.
        factor: of both sides, which are rounded.

    Source: Adelson et al., 1984, Pyramid methods in image processing.

    >>> import jax.numpy as jnp
    >>> from genjax.detection.scales import resized
    >>> resized(jnp.ones((1, 4, 6, 1)), 0.5).shape
    (1, 2, 3, 1)
    """
    if factor == 1:
        return image
    b, height, width, channels = image.shape
    sides = round(height * factor), round(width * factor)
    return jax.image.resize(image, (b, *sides, channels), "bilinear")


def placement_in(
    image: Float[Array, "b h w c"], other: Float[Array, "b h2 w2 c"]
) -> Placement:
    """Where the pixels of images lie in the same images of another size."""
    b, height, width, _ = image.shape
    factors = jnp.array([other.shape[2] / width, other.shape[1] / height], jnp.float32)
    scale = jnp.broadcast_to(factors[None], (b, 2))
    return Placement(scale, jnp.zeros_like(scale))


def in_range(xyxy: Array, low: float | Array, high: float | Array) -> Array:
    """Whether the size of each box lies in a range, its ends included."""
    size = jnp.sqrt(area(xyxy))
    return (size >= low) & (size <= high)


def check_ranges(user: str, ranges: Sequence[Range], where: str = "") -> None:
    """Checks that ranges together leave no size to nobody.

    Args:
        user: who asks, for the error's sentence.
        ranges: of sizes, in pixels.
        where: these pixels are, for the error's sentence.

    Raises:
        InputError: there is no range, one is no pair, or sizes are left out.
    """
    if not ranges or any(np.shape(pair) != (2,) for pair in ranges):
        raise InputError(
            f"{user}: every range must be a least and a greatest size, got {ranges}."
        )
    reached = 0.0
    for low, high in sorted((float(low), float(high)) for low, high in ranges):
        if not low <= reached:
            raise InputError(
                f"{user}: no range has objects of {reached:g} to {low:g} pixels{where},"
                f" got {[tuple(pair) for pair in ranges]}."
            )
        reached = max(reached, high)
    if reached < math.inf:
        raise InputError(
            f"{user}: no range has objects above {reached:g} pixels{where}, got "
            f"{[tuple(pair) for pair in ranges]}."
        )


def check_scales(
    user: str, scales: Sequence[float], ranges: Sequence[Range] | None
) -> list[Range]:
    """Returns a range for every scale, which together leave no size to nobody.

    Args:
        user: who asks, for the error's sentence.
        scales: factors of the image's size.
        ranges: in pixels of each scale; all sizes without them.

    Raises:
        InputError: there is no scale, one is not positive, or sizes are left out.
    """
    if not scales or min(scales) <= 0:
        raise InputError(f"{user}: scales must be positive, got {list(scales)}.")
    ranges = [EVERY] * len(scales) if ranges is None else list(ranges)
    if len(ranges) != len(scales):
        raise InputError(
            f"{user}: every scale needs a range, got {len(scales)} scales and "
            f"{len(ranges)} ranges."
        )
    originals = [
        (low / scale, high / scale)
        for (low, high), scale in zip(ranges, scales, strict=True)
    ]
    check_ranges(user, originals, where=" in the original image")
    return ranges


def image_pyramid(
    detector: Detector,
    *,
    scales: Sequence[float],
    ranges: Sequence[Range] | None = None,
    merge: Merge | None = None,
) -> Detector:
    """A detector that looks at an image in several sizes.

    What is found at each is brought back to the pixels of the image, and merged.

    Args:
        detector: `(variables, images [b, h, w, c]) -> boxes [b, n]`.
        scales: factors of the image's size; the sizes must suit the detector.
        ranges: the sizes of objects, roots of their areas in pixels of each scale, that
            are taken from it; all without them.
        merge: of all that is found; suppression class by class without it.

    Returns:
        A detector of the same form.

    Raises:
        InputError: a scale is not positive, or the ranges leave sizes to no scale.

    Source: Adelson et al., 1984, Pyramid methods in image processing; Singh and Davis,
    2018, arXiv:1711.08189 (the ranges).

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Boxes
    >>> from genjax.detection.scales import image_pyramid
    >>> def whole(variables, image):  # finds one object that fills the image
    ...     b, h, w, _ = image.shape
    ...     one = jnp.ones((b, 1))
    ...     xyxy = jnp.array([[[0.0, 0, w, h]]]) * one[..., None]
    ...     return Boxes(xyxy, jnp.zeros((b, 1), jnp.int32), one > 0, one, one < 0)
    >>> found = image_pyramid(whole, scales=(1, 2))({}, jnp.ones((1, 8, 8, 1)))
    >>> found.xyxy.tolist(), found.valid.tolist()
    ([[[0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 0.0, 0.0]]], [[True, False]])
    """
    valid_ranges = check_scales("image_pyramid", scales, ranges)
    merged = by_suppression() if merge is None else merge

    def detect(variables: Variables, image: Array) -> Boxes:
        parts = []
        for scale, valid_range in zip(scales, valid_ranges, strict=True):
            small = resized(image, scale)
            found = detector(variables, small)
            valid = found.valid & in_range(found.xyxy, *valid_range)
            xyxy = placement_in(image, small).back.of(found.xyxy)
            parts.append(found._replace(xyxy=xyxy, valid=valid))
        return merged(joined(parts))

    return detect


def flip_test(detector: Detector, *, merge: Merge | None = None) -> Detector:
    """A detector that looks at an image and at its mirror image.

    Args:
        detector: `(variables, images [b, h, w, c]) -> boxes [b, n]`.
        merge: of all that is found; fusion of two without it.

    Returns:
        A detector of the same form.

    Source: Solovyev, Wang and Gabruseva, 2021, arXiv:1910.13302.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Boxes
    >>> from genjax.detection.scales import flip_test
    >>> def left(variables, image):  # finds an object at the left edge
    ...     one = jnp.ones((len(image), 1))
    ...     xyxy = jnp.array([[[0.0, 0, 2, 2]]]) * one[..., None]
    ...     label = jnp.zeros((len(image), 1), jnp.int32)
    ...     return Boxes(xyxy, label, one > 0, one, one < 0)
    >>> flip_test(left)({}, jnp.ones((1, 8, 8, 1))).xyxy.tolist()
    [[[0.0, 0.0, 2.0, 2.0], [6.0, 0.0, 8.0, 2.0]]]
    """
    merged = by_fusion(models=2) if merge is None else merge

    def detect(variables: Variables, image: Array) -> Boxes:
        other = detector(variables, image[:, :, ::-1])
        left, top, right, bottom = jnp.moveaxis(other.xyxy, -1, 0)
        width = image.shape[2]
        mirrored = jnp.stack([width - right, top, width - left, bottom], axis=-1)
        own = detector(variables, image)
        return merged(joined([own, other._replace(xyxy=mirrored)]))

    return detect
