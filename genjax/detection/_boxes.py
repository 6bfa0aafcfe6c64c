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
        ignore: neither an object nor background: crowds, objects too difficult or out
            of range. What lies there is learnt as neither; False for a detection.
    """

    xyxy: Float[Array, "*b n 4"]
    label: Int[Array, "*b n"]
    valid: Bool[Array, "*b n"]
    score: Float[Array, "*b n"]
    ignore: Bool[Array, "*b n"]

    @property
    def objects(self) -> Bool[Array, "*b n"]:
        """Which rows are objects to find."""
        return self.valid & ~self.ignore


def ground_truth(
    xyxy: Array, label: Array, valid: Array, ignore: Array | None = None
) -> Boxes:
    """Returns boxes of score 1; degenerate ones are taken for padding.

    Args:
        xyxy: `[*b, n, 4]`.
        label: `[*b, n]`.
        valid: `[*b, n]`.
        ignore: `[*b, n]`: regions that are neither objects nor background; none
            without it.

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
    ignore = jnp.zeros(valid.shape, bool) if ignore is None else ignore
    shapes = [leaf.shape for leaf in (label, valid, ignore)]
    if any(xyxy.shape != (*shape, 4) for shape in shapes):
        raise InputError(
            "boxes: xyxy must be [*b, n, 4], label, valid and ignore [*b, n], got "
            f"{xyxy.shape}, {shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    if not jnp.issubdtype(label.dtype, jnp.integer):
        raise InputError(
            f"boxes: labels are integers, the places of the classes, got {label.dtype}."
        )
    xyxy = xyxy.astype(jnp.float32)
    _check_pixels(xyxy, valid)
    solid = jnp.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1)
    return Boxes(
        xyxy,
        label.astype(jnp.int32),
        valid.astype(bool) & solid,
        jnp.ones(label.shape, jnp.float32),
        ignore.astype(bool),
    )


def centre_and_size(
    xyxy: Float[Array, "*b 4"],
) -> tuple[Float[Array, "*b 2"], Float[Array, "*b 2"]]:
    """Returns the centres (x, y) and the sizes (width, height) of boxes.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import centre_and_size
    >>> [x.tolist() for x in centre_and_size(jnp.array([0.0, 0.0, 2.0, 4.0]))]
    [[1.0, 2.0], [2.0, 4.0]]
    """
    return (xyxy[..., :2] + xyxy[..., 2:]) / 2, xyxy[..., 2:] - xyxy[..., :2]


def around(
    centre: Float[Array, "*b 2"], size: Float[Array, "*b 2"]
) -> Float[Array, "*b 4"]:
    """Returns the boxes `[*b, 4]` of centres and sizes: inverts `centre_and_size`.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import around
    >>> around(jnp.array([1.0, 2.0]), jnp.array([2.0, 4.0])).tolist()
    [0.0, 0.0, 2.0, 4.0]
    """
    return jnp.concatenate([centre - size / 2, centre + size / 2], axis=-1)


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
