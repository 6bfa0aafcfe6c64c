"""YOLO, version 1: boxes regressed from the whole image, a few for each cell of a grid.

Source: Redmon, Divvala, Girshick and Farhadi, 2016, arXiv:1506.02640.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp

from genjax.base import Head, NetworkLike
from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import (
    SUPPRESSED,
    Grid,
    Selection,
    Targets,
    check_classes,
    detections,
    flat,
    grid_of_image,
    grid_of_levels,
    holds,
    known_labels,
    smallest,
    targets_by,
)
from genjax.detection._iou import iou
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array

COORDINATES, BACKGROUND = 5.0, 0.5
"""The paper's weights of boxes, and of confidences without an object."""


def yolo_v1(
    network: NetworkLike,
    *,
    classes: int,
    stride: int,
    boxes_per_cell: int = 2,
    selection: Selection = SUPPRESSED,
) -> Head:
    """The head of YOLO v1: the cell of an object's centre predicts its box and class.

    A cell predicts `boxes_per_cell` boxes `(x, y, sqrt(w), sqrt(h), confidence)`, the
    centre in cells from the cell's own corner and the size in images, and the
    probabilities of the classes, all as they come. The box of highest overlap is
    responsible for the object:

        5 ((x - x')^2 + (y - y')^2 + (sqrt w - sqrt w')^2 + (sqrt h - sqrt h')^2)
        + (confidence - IoU)^2 + sum over classes (p - p')^2

    and every other confidence is drawn to 0 with weight 1/2. Of several objects in a
    cell, the smallest is learnt. At 448 x 448 pixels, a stride of 64, two boxes and 20
    classes, the outputs are the paper's 7 x 7 x 30.

    Args:
        network: `features -> ([b, h, w, 5 boxes_per_cell + classes],)`, as the paper's
            dense layers, `genjax.nn.GridRegressor`, or `genjax.nn.LevelTowers`.
        classes: how many there are.
        stride: the side of a cell, in pixels.
        boxes_per_cell: how many boxes compete for a cell's object.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `box`, `object`, `background` and `classification` are sums,
        counted by objects.

    Raises:
        InputError: there are no classes or no boxes.

    Source: Redmon, Divvala, Girshick and Farhadi, 2016, arXiv:1506.02640.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import yolo_v1
    >>> from genjax import nn
    >>> network = nn.GridRegressor(grid=(7, 7), channels=30, hidden=8)
    >>> head = yolo_v1(network, classes=20, stride=64)
    >>> features = (jnp.ones((1, 14, 14, 4)),)
    >>> variables = head.init(jax.random.key(0), features)
    >>> [y.shape for y in head.apply(variables, features)]
    [(1, 7, 7, 30)]
    """
    check_classes("yolo_v1", classes)
    if boxes_per_cell < 1:
        raise InputError(
            f"yolo_v1: boxes_per_cell must be at least 1, got {boxes_per_cell}."
        )
    inner = as_network(network, user="yolo_v1")
    predictions = partial(_predictions, stride=stride, boxes=boxes_per_cell)

    def grid_of(raw: Sequence[Array]) -> Grid:
        channels = [5 * boxes_per_cell + classes]
        return grid_of_levels("yolo_v1", raw, [stride], channels=channels)

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("yolo_v1", image_size, [stride])
        return targets_by(partial(_match, grid=grid), boxes, grid)

    def loss(
        raw: Sequence[Array], targets: Targets
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        grid = grid_of(raw)
        offset, root, confidence, classified, xyxy = predictions(raw, grid)
        truth = targets.xyxy[:, :, None]
        gap = _gap(offset, root, truth, grid, stride)
        overlap = jax.lax.stop_gradient(iou(xyxy, truth))
        # Where no box meets the object, the nearest is responsible.
        meets = jnp.any(overlap > 0, axis=2, keepdims=True)
        rank = jnp.where(meets, overlap, -jax.lax.stop_gradient(gap))
        chosen = jax.nn.one_hot(jnp.argmax(rank, axis=2), boxes_per_cell)
        positive = targets.positive.astype(jnp.float32)
        own = chosen * positive[..., None]
        learnt = targets.learnt[..., None].astype(jnp.float32)
        one_hot = jax.nn.one_hot(targets.label, classes)
        wrong = jnp.sum((classified - one_hot) ** 2, axis=-1)
        sums = {
            "box": COORDINATES * jnp.sum(own * gap),
            "object": jnp.sum(own * (confidence - overlap) ** 2),
            "background": BACKGROUND * jnp.sum((learnt - own) * confidence**2),
            "classification": jnp.sum(positive * wrong),
        }
        count = jnp.sum(positive)
        return known_labels(sums, targets, classes), dict.fromkeys(sums, count)

    def decode(raw: Sequence[Array]) -> Boxes:
        grid = grid_of(raw)
        _, _, confidence, classified, xyxy = predictions(raw, grid)
        sure = jnp.clip(confidence, 0, 1)[..., None]
        score = sure * jnp.clip(classified, 0, 1)[:, :, None]
        return detections(
            score.reshape(len(score), -1, classes),
            xyxy.reshape(len(xyxy), -1, 4),
            grid.image_size,
            selection,
        )

    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def _match(boxes: Boxes, *, grid: Grid) -> tuple[Array, Array]:
    """The cell of each centre."""
    return smallest(holds(grid, centre_and_size(boxes.xyxy)[0]), boxes)


def _gap(offset: Array, root: Array, truth: Array, grid: Grid, stride: int) -> Array:
    """The squared errors of each predicted box, `[b, p, boxes]`."""
    centre, size = centre_and_size(truth)
    place = (centre - grid.corner[None, :, None]) / stride
    wanted = jnp.sqrt(size / _sides(grid))
    return jnp.sum((offset - place) ** 2 + (root - wanted) ** 2, axis=-1)


def _sides(grid: Grid) -> Array:
    """Width and height of the image, `[1, 1, 1, 2]`."""
    return jnp.array(grid.image_size[::-1], jnp.float32)[None, None, None]


def _predictions(
    raw: Sequence[Array], grid: Grid, *, stride: int, boxes: int
) -> tuple[Array, Array, Array, Array, Array]:
    """Offsets and roots `[b, p, boxes, 2]`, confidences, classes, boxes in pixels."""
    rows = flat(raw)
    own = rows[..., : 5 * boxes].reshape(*rows.shape[:2], boxes, 5)
    centre = grid.corner[None, :, None] + stride * own[..., :2]
    xyxy = around(centre, own[..., 2:4] ** 2 * _sides(grid))
    return own[..., :2], own[..., 2:4], own[..., 4], rows[..., 5 * boxes :], xyxy
