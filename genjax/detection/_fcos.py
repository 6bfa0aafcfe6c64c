"""FCOS: a fully convolutional, anchor-free one-stage head.

Every place of every level predicts a class, the distances to the four edges of its box,
and its centerness. A place learns a box where it lies near the box's centre and the box
is of the size that its level is for; of several boxes it takes the smallest.

Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Head, NetworkLike
from genjax.detection._boxes import Boxes, centre_and_size
from genjax.detection._dense import (
    SUPPRESSED,
    Selection,
    Targets,
    around_places,
    bounded_distances,
    boxes_of_distances,
    check_classes,
    detections,
    flat,
    grid_of_image,
    grid_of_levels,
    known_labels,
    returning,
    targets_by,
)
from genjax.detection._iou import giou
from genjax.detection._losses import entropy, focal_classification
from genjax.detection._matching import Matching, to_edges
from genjax.nn.adapters import as_network
from genjax.typing import Array


class Raw(NamedTuple):
    """What the head predicts, a tuple of levels each, the finest first.

    Fields:
        logits: of the classes, `[b, h, w, classes]`.
        distance: to the left, top, right and bottom edge, in strides, as logarithms,
            `[b, h, w, 4]`.
        centerness: logits, `[b, h, w, 1]`.
    """

    logits: tuple[Array, ...]
    distance: tuple[Array, ...]
    centerness: tuple[Array, ...]


def fcos(
    tower: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    matching: Matching,
    selection: Selection = SUPPRESSED,
) -> Head:
    """The FCOS head: focal loss, GIoU loss and exact NMS.

        centerness = sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b))
        score = sqrt(sigmoid(logit) sigmoid(centerness))

    Args:
        tower: `levels -> {"logits": ..., "distance": ..., "centerness": ...}`, as
            `genjax.nn.DenseTower` with the outputs `fcos_outputs(classes)`.
        classes: how many there are.
        strides: of the levels, in pixels, the finest first.
        matching: which places learn which object: `by_size` as in the paper, or `atss`.
        selection: which predictions become detections.

    Returns:
        A head. Its losses are sums with their counts: `classification` over positives,
        `box` weighted by centerness, `centerness` over positives. An object whose label
        is not in 0 ... classes - 1 makes them NaN: it would be learnt as background.

    Raises:
        InputError: there are no classes.

    Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import by_size, fcos, fcos_outputs
    >>> from genjax import nn
    >>> tower = nn.DenseTower(outputs=fcos_outputs(3), width=4)
    >>> match = by_size(ranges=(16.0,))
    >>> head = fcos(tower, classes=3, strides=(4, 8), matching=match)
    >>> levels = (jnp.ones((2, 8, 8, 4)), jnp.ones((2, 4, 4, 4)))
    >>> variables = head.init(jax.random.key(0), levels)
    >>> [y.shape for y in head.apply(variables, levels).logits]
    [(2, 8, 8, 3), (2, 4, 4, 3)]
    """
    check_classes("fcos", classes)
    network = as_network(tower, user="fcos")
    inner = returning(network, lambda outputs: Raw(**outputs))

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("fcos", image_size, strides)
        return targets_by(lambda own: matching(own, grid), boxes, grid)

    def decode(raw: Raw) -> Boxes:
        grid = grid_of_levels(
            "fcos", raw.logits, strides, channels=[classes] * len(strides)
        )
        log_score = jax.nn.log_sigmoid(flat(raw.logits)) + jax.nn.log_sigmoid(
            flat(raw.centerness)
        )
        xyxy = boxes_of_distances(raw.distance, grid, strides)
        return detections(jnp.exp(0.5 * log_score), xyxy, grid.image_size, selection)

    loss = partial(_loss, strides=strides, classes=classes)
    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def fcos_outputs(classes: int) -> tuple[tuple[str, int], ...]:
    """Returns the outputs that the tower of `fcos` needs.

    Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.

    >>> from genjax.detection import fcos_outputs
    >>> fcos_outputs(3)
    (('logits', 3), ('distance', 4), ('centerness', 1))
    """
    return (("logits", classes), ("distance", 4), ("centerness", 1))


def centerness_of(targets: Targets, places: Array) -> Array:
    """How central each place lies in its object's box, in [0, 1]; 0 where it has none.

    A place outside has no such ratio: it counts as the nearest place inside that is no
    less than a quarter of the sides from the edges.

    Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.
    """
    distance = to_edges(places, targets.xyxy)
    _, size = centre_and_size(targets.xyxy)
    outside = jnp.min(distance, axis=-1, keepdims=True) <= 0
    low = jnp.clip(distance[..., :2], size / 4, 3 * size / 4)
    near = jnp.concatenate([low, size - low], axis=-1)
    distance = jnp.where(outside, near, distance)
    distance = jnp.where(targets.positive[..., None], distance, 1.0)
    low, high = distance[..., :2], distance[..., 2:]
    ratio = jnp.minimum(low, high) / jnp.maximum(low, high)
    return jnp.where(targets.positive, jnp.sqrt(ratio[..., 0] * ratio[..., 1]), 0.0)


def _loss(
    raw: Raw, targets: Targets, *, strides: Sequence[int], classes: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    logits, centerness = flat(raw.logits), flat(raw.centerness)[..., 0]
    grid = grid_of_levels(
        "fcos", raw.logits, strides, channels=[classes] * len(strides)
    )
    places = grid.centre[None]
    central = centerness_of(targets, places)
    # About its own place, so that a box keeps its digits far from the origin.
    predicted = around_places(
        jnp.zeros((1, 1, 2)), bounded_distances(raw.distance, strides)
    )
    overlap = giou(predicted, targets.xyxy - jnp.tile(places, 2))
    positive = targets.positive.astype(jnp.float32)
    sums = {
        "classification": focal_classification(logits, targets),
        "box": jnp.sum(central * (1 - overlap)),
        "centerness": jnp.sum(positive * entropy(centerness, central)),
    }
    counts = {
        "classification": jnp.sum(positive),
        "box": jnp.sum(central),
        "centerness": jnp.sum(positive),
    }
    return known_labels(sums, targets, classes), counts
