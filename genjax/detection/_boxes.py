"""Boxes: padded arrays with a mask, never ragged."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int

INVERTED = 0.5
"""The share of boxes with an edge beyond its opposite that is no mere damage."""


class Boxes(NamedTuple):
    """Axis-aligned boxes in pixels, of a batch of images.

    Fields:
        xyxy: left, top, right and bottom edge; `(0, 0)` is the outer corner of the
            first pixel.
        label: the class, from 0 on.
        valid: False for padding; what stands there is never read.
        score: the confidence of a detection; 1 for a ground truth.
    """

    xyxy: Float[Array, "*b n 4"]
    label: Int[Array, "*b n"]
    valid: Bool[Array, "*b n"]
    score: Float[Array, "*b n"]


def ground_truth(xyxy: Array, label: Array, valid: Array) -> Boxes:
    """Returns boxes of score 1; degenerate ones are taken for padding.

    Args:
        xyxy: `[*b, n, 4]`.
        label: `[*b, n]`.
        valid: `[*b, n]`.

    Raises:
        InputError: the shapes do not belong together, labels are no integers, or the
            boxes, where they are known, are fractions of an image, or widths and
            heights in the place of edges.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import ground_truth
    >>> ground_truth(
    ...     jnp.array([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 1.0, 3.0]]),
    ...     jnp.array([0, 1]),
    ...     jnp.array([True, True]),
    ... ).valid.tolist()
    [True, False]
    """
    if not xyxy.shape == (*label.shape, 4) == (*valid.shape, 4):
        raise InputError(
            "boxes: xyxy must be [*b, n, 4], label and valid [*b, n], got "
            f"{xyxy.shape}, {label.shape} and {valid.shape}."
        )
    if not jnp.issubdtype(label.dtype, jnp.integer):
        raise InputError(
            f"boxes: labels are integers, the places of the classes, got {label.dtype}."
        )
    xyxy = xyxy.astype(jnp.float32)
    _check_pixels(xyxy, valid)
    solid = jnp.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1)
    score = jnp.ones(label.shape, jnp.float32)
    return Boxes(xyxy, label.astype(jnp.int32), valid.astype(bool) & solid, score)


def _check_pixels(xyxy: Array, valid: Array) -> None:
    if any(isinstance(x, jax.core.Tracer) for x in (xyxy, valid)):
        return
    boxes = np.asarray(xyxy)[np.asarray(valid, bool)]
    if len(boxes) and boxes.min() >= 0 and boxes.max() <= 1:
        raise InputError(
            "boxes: xyxy are edges in pixels (left, top, right, bottom), and these are "
            "all from 0 to 1: multiply them by width and height."
        )
    inverted = np.any(boxes[:, 2:] < boxes[:, :2], axis=1)
    if inverted.sum() > INVERTED * len(boxes):
        raise InputError(
            "boxes: xyxy are edges in pixels (left, top, right, bottom), and in "
            f"{inverted.sum()} of {len(boxes)} an edge lies beyond its opposite: where "
            "they are left, top, width and height, add the first two to the others."
        )


def area(xyxy: Float[Array, "*b 4"]) -> Float[Array, "*b"]:
    """Returns width times height; 0 where an edge lies beyond its opposite.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import area
    >>> area(jnp.array([[0.0, 0.0, 2.0, 3.0], [2.0, 0.0, 1.0, 3.0]])).tolist()
    [6.0, 0.0]
    """
    sides = jnp.maximum(xyxy[..., 2:] - xyxy[..., :2], 0)
    return sides[..., 0] * sides[..., 1]
