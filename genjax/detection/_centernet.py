"""CenterNet: objects as the peaks of a map for each class.

Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Head, NetworkLike
from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import (
    PEAKS,
    Selection,
    Targets,
    cells_of,
    check_classes,
    detections,
    flat,
    grid_of_image,
    grid_of_levels,
    holds,
    known_labels,
    returning,
    smallest,
    targets_by,
)
from genjax.detection._heat import (
    heatmap,
    is_peak,
    peak_loss,
    released_radius,
)
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Features

SIZE = 0.1
"""The paper's weight of the size."""


class Raw(NamedTuple):
    """What the head predicts at each place of one level.

    Fields:
        heat: logits of the classes, `[b, h, w, classes]`.
        offset: of the centre within its place, in places, `[b, h, w, 2]`.
        size: width and height, in places, `[b, h, w, 2]`.
    """

    heat: Array
    offset: Array
    size: Array


def centernet(
    network: NetworkLike,
    *,
    classes: int,
    stride: int,
    radius: Callable[[Array], Array] = released_radius,
    selection: Selection = PEAKS,
) -> Head:
    """The head of CenterNet: a heatmap of centres, their offsets, and sizes.

    The heatmap of a class should be `exp(-d^2 / 2 s^2)` at a distance `d` from the
    place of a centre, `s = (2 radius + 1) / 6`; of several objects the highest counts.

        centres:    -(1 - p)^2 log p
        elsewhere:  -(1 - heat)^4 p^2 log(1 - p)
        offset and size: absolute errors, the size with weight 0.1

    A detection is a place that is no less than its eight neighbours; no suppression
    follows. Of several objects at one place, the smallest gives offset and size.

    Args:
        network: `features -> {"heat": (map,), "offset": (map,), "size": (map,)}` of one
            level, as `genjax.nn.DenseTower` with `centernet_outputs(classes)`.
        classes: how many there are.
        stride: of the level, in pixels.
        radius: from sizes in places `[*b, 2]` to the radius of the heatmap.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `heat`, `offset` and `size` are sums, counted by objects.

    Raises:
        InputError: there are no classes.

    Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import centernet, centernet_outputs
    >>> from genjax import nn
    >>> tower = nn.DenseTower(outputs=centernet_outputs(3), width=4)
    >>> head = centernet(tower, classes=3, stride=4)
    >>> levels = (jnp.ones((2, 8, 8, 4)),)
    >>> variables = head.init(jax.random.key(0), levels)
    >>> head.apply(variables, levels).heat.shape
    (2, 8, 8, 3)
    """
    check_classes("centernet", classes)
    inner = returning(as_network(network, user="centernet"), _of_one_level)

    def centre_cells(boxes: Boxes, size: tuple[int, int]) -> Array:
        return cells_of(centre_and_size(boxes.xyxy)[0], size, stride)

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("centernet", image_size, [stride])

        def match(boxes: Boxes) -> tuple[Array, Array]:
            return smallest(holds(grid, centre_and_size(boxes.xyxy)[0]), boxes)

        return targets_by(match, boxes, grid)

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        grid = grid_of_levels("centernet", [raw.heat], [stride], channels=[classes])
        (size,) = grid.sizes
        wanted = jax.vmap(
            lambda own: heatmap(
                own, centre_cells(own, size), size, stride, classes, radius
            )
        )(targets.boxes)
        heat = peak_loss(flat([raw.heat]), wanted)
        corner = grid.corner[None] / stride
        centre, extent = centre_and_size(targets.xyxy / stride)
        offset = jnp.abs(flat([raw.offset]) - (centre - corner))
        span = jnp.abs(flat([raw.size]) - extent)
        positive = targets.positive[..., None].astype(jnp.float32)
        sums = {
            "heat": jnp.sum(jnp.where(targets.learnt[..., None], heat, 0.0)),
            "offset": jnp.sum(positive * offset),
            "size": SIZE * jnp.sum(positive * span),
        }
        objects = jnp.sum(targets.objects.astype(jnp.float32))
        counts = {**dict.fromkeys(sums, jnp.sum(positive)), "heat": objects}
        return known_labels(sums, targets, classes), counts

    def decode(raw: Raw) -> Boxes:
        grid = grid_of_levels("centernet", [raw.heat], [stride], channels=[classes])
        score = jax.nn.sigmoid(raw.heat.astype(jnp.float32))
        score = jnp.where(is_peak(score), score, 0.0)
        centre = grid.corner[None] + stride * flat([raw.offset])
        xyxy = around(centre, stride * jnp.maximum(flat([raw.size]), 0.0))
        return detections(flat([score]), xyxy, grid.image_size, selection)

    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def centernet_outputs(classes: int) -> tuple[tuple[str, int], ...]:
    """Returns the outputs that the tower of `centernet` needs.

    Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.

    >>> from genjax.detection import centernet_outputs
    >>> centernet_outputs(3)
    (('heat', 3), ('offset', 2), ('size', 2))
    """
    return (("heat", classes), ("offset", 2), ("size", 2))


def _of_one_level(raw: dict[str, Features]) -> Raw:
    counts = {name: len(levels) for name, levels in raw.items()}
    if set(counts.values()) != {1}:
        raise InputError(
            f"centernet: the network must return one level of each, got {counts}."
        )
    return Raw(**{name: levels[0] for name, levels in raw.items()})
