"""RetinaNet: anchors of every level, matched by their overlap, and the focal loss.

Source: Lin et al., 2017, arXiv:1708.02002.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from genjax.base import Head, NetworkLike
from genjax.detection._anchor_matching import AnchorMatching, by_overlap
from genjax.detection._anchors import (
    MOST_LOG,
    AnchorGrid,
    Anchors,
    check_anchors,
    rows_of,
)
from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import (
    SUPPRESSED,
    Grid,
    Selection,
    Targets,
    check_classes,
    detections,
    grid_of_image,
    grid_of_levels,
    known_labels,
    returning,
    targets_by,
)
from genjax.detection._iou import pairwise_iou
from genjax.detection._losses import focal_classification
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Float

BY_OVERLAP = by_overlap()
SMOOTH = 1 / 9
"""Where the box loss turns from squares to absolute values."""


class Raw(NamedTuple):
    """What the head predicts, a tuple of levels each, the finest first.

    Fields:
        logits: of the classes of each anchor, `[b, h, w, a classes]`.
        deltas: of each anchor's box, `[b, h, w, a 4]`.
    """

    logits: tuple[Array, ...]
    deltas: tuple[Array, ...]


def retina(
    tower: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    anchors: Anchors,
    matching: AnchorMatching = BY_OVERLAP,
    negative_iou: float = 0.4,
    selection: Selection = SUPPRESSED,
) -> Head:
    """The head of RetinaNet (and, of its kind, of SSD): boxes as changes of anchors.

        x = x_a + w_a d_x,   w = w_a exp(d_w)

    Anchors are about the centres of their places. Those without an object learn that
    there is none where they overlap all objects by less than `negative_iou`, and else
    nothing. Classes learn by the focal loss, boxes by the smooth absolute error of `d`.

    Args:
        tower: `levels -> {"logits": ..., "deltas": ...}`, as `genjax.nn.DenseTower`
            with `retina_outputs(classes, anchors=...)`.
        classes: how many there are.
        strides: of the levels, in pixels, the finest first.
        anchors: of each level, widths and heights in pixels; those of `densified` are
            about other centres. The tower has an output for each, on every level.
        matching: which anchors learn which object: `by_overlap` as in the paper, or
            `compensated`, which has more for small ones.
        negative_iou: overlap below which an anchor is background; 1 for all.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `classification` and `box` are sums, counted by anchors with
        an object.

    Raises:
        InputError: there are no classes, an anchor has no size, or `negative_iou` is
            outside [0, 1].

    Source: Lin et al., 2017, arXiv:1708.02002.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import retina, retina_outputs
    >>> from genjax import nn
    >>> anchors = [[(8.0, 8.0), (8.0, 16.0)], [(16.0, 16.0), (16.0, 32.0)]]
    >>> tower = nn.DenseTower(outputs=retina_outputs(3, anchors=2), width=4)
    >>> head = retina(tower, classes=3, strides=(4, 8), anchors=anchors)
    >>> levels = (jnp.ones((2, 8, 8, 4)), jnp.ones((2, 4, 4, 4)))
    >>> variables = head.init(jax.random.key(0), levels)
    >>> [y.shape for y in head.apply(variables, levels).deltas]
    [(2, 8, 8, 8), (2, 4, 4, 8)]
    """
    check_classes("retina", classes)
    check_anchors("retina", anchors, len(strides), lengths=(2, 4))
    if not 0 <= negative_iou <= 1:
        raise InputError(f"retina: negative_iou must be in [0, 1], got {negative_iou}.")
    network = as_network(tower, user="retina")
    inner = returning(network, lambda outputs: Raw(**outputs))

    def grid_of(raw: Raw) -> Grid:
        channels = [len(level) * classes for level in anchors]
        return grid_of_levels("retina", raw.logits, strides, channels=channels)

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("retina", image_size, strides)
        own = AnchorGrid(grid, anchors)
        xyxy = around(own.centre, own.anchor)[0]
        targets = targets_by(
            lambda boxes: matching(boxes, xyxy), boxes, grid, own.of_places
        )
        overlap = jax.vmap(partial(pairwise_iou, xyxy))(targets.boxes.xyxy)
        overlap = jnp.where(targets.objects[:, None], overlap, 0.0)
        between = jnp.max(overlap, axis=-1) >= negative_iou
        return targets._replace(ignored=targets.ignored | between)

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        own = AnchorGrid(grid_of(raw), anchors)
        logits, deltas = rows_of(raw.logits, anchors), rows_of(raw.deltas, anchors)
        wanted = _deltas(targets.xyxy, own)
        smooth = optax.losses.huber_loss(deltas, wanted, delta=SMOOTH) / SMOOTH
        positive = targets.positive[..., None]
        sums = {
            "classification": focal_classification(logits, targets),
            "box": jnp.sum(jnp.where(positive, smooth, 0.0)),
        }
        count = jnp.sum(positive.astype(jnp.float32))
        return known_labels(sums, targets, classes), dict.fromkeys(sums, count)

    def decode(raw: Raw) -> Boxes:
        grid = grid_of(raw)
        own, deltas = AnchorGrid(grid, anchors), rows_of(raw.deltas, anchors)
        centre = own.centre + own.anchor * deltas[..., :2]
        size = own.anchor * jnp.exp(jnp.clip(deltas[..., 2:], -MOST_LOG, MOST_LOG))
        score = jax.nn.sigmoid(rows_of(raw.logits, anchors))
        return detections(score, around(centre, size), grid.image_size, selection)

    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def retina_outputs(classes: int, *, anchors: int) -> tuple[tuple[str, int], ...]:
    """Returns the outputs that the tower of `retina` needs.

    Args:
        classes: how many there are.
        anchors: at a place.

    Source: Lin et al., 2017, arXiv:1708.02002.

    >>> from genjax.detection import retina_outputs
    >>> retina_outputs(3, anchors=2)
    (('logits', 6), ('deltas', 8))
    """
    return (("logits", anchors * classes), ("deltas", 4 * anchors))


def _deltas(xyxy: Float[Array, "b p 4"], own: AnchorGrid) -> Float[Array, "b p 4"]:
    """The changes of anchors to boxes."""
    centre, size = centre_and_size(xyxy)
    moved = (centre - own.centre) / own.anchor
    return jnp.concatenate([moved, jnp.log(size / own.anchor)], axis=-1)
