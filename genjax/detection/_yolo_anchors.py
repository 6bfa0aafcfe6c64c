"""YOLO, versions 2 and 3: boxes from anchors, with an objectness for each.

Sources: Redmon and Farhadi, 2017, arXiv:1612.08242; Redmon and Farhadi, 2018,
arXiv:1804.02767.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp

from genjax.base import Head, NetworkLike
from genjax.detection._anchors import (
    AnchorGrid,
    Anchors,
    best_anchors,
    check_anchors,
    rows_of,
)
from genjax.detection._boxes import Boxes, area
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
    targets_by,
)
from genjax.detection._iou import iou, pairwise_iou
from genjax.detection._losses import entropy
from genjax.nn.adapters import as_network
from genjax.typing import Array, Float

Terms = Callable[[Array, Array, Array, Array, Array], tuple[Array, ...]]
"""From predictions, wanted places, wanted sizes, wanted overlaps and classes to the
losses of boxes, objects, background and classes, each `[b, p]`."""


def yolo_v2(
    network: NetworkLike,
    *,
    classes: int,
    stride: int,
    anchors: Sequence[Sequence[float]],
    background_iou: float = 0.6,
    selection: Selection = SUPPRESSED,
) -> Head:
    """The head of YOLO v2: anchors of one level, and a softmax over the classes.

        x = stride (cell + sigmoid(t_x)),   w = anchor exp(t_w)

    The anchor nearest to an object's shape, in the cell of its centre, learns it:

        (2 - w h / W H) (squared errors of sigmoid(t_x), sigmoid(t_y), t_w, t_h)
        + 5 (sigmoid(t_o) - IoU)^2 + cross-entropy of the classes

    and every other objectness is drawn to 0 by its square, unless its predicted box
    overlaps an object by `background_iou`. Of several objects at one anchor, the
    smallest is learnt. At 416 x 416 pixels and a stride of 32 these are the paper's 13
    x 13 x 5 boxes. (The released code draws all boxes to their anchors for the first
    12,800 images; this head does not.)

    Args:
        network: `features -> ([b, h, w, a (5 + classes)],)`: of each of a anchors four
            numbers of the box, the objectness, the classes. `genjax.nn.LevelTowers`
            after `genjax.nn.Passthrough` is one.
        classes: how many there are.
        stride: of the level, in pixels.
        anchors: widths and heights in pixels, as of `anchor_sizes`.
        background_iou: predictions that overlap an object so much are let be.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `box`, `object`, `background` and `classification` are sums,
        counted by objects.

    Raises:
        InputError: there are no classes, or an anchor has no size.

    Source: Redmon and Farhadi, 2017, arXiv:1612.08242.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import yolo_v2
    >>> from genjax import nn
    >>> anchors = [(42.0, 55.0), (101.0, 128.0), (259.0, 161.0), (152.0, 270.0),
    ...     (315.0, 298.0)]
    >>> network = nn.LevelTowers(channels=(5 * (5 + 20),), width=4)
    >>> head = yolo_v2(network, classes=20, stride=32, anchors=anchors)
    >>> features = (jnp.ones((1, 13, 13, 4)),)
    >>> variables = head.init(jax.random.key(0), features)
    >>> [y.shape for y in head.apply(variables, features)]
    [(1, 13, 13, 125)]
    """
    return _anchored(
        "yolo_v2",
        network,
        classes=classes,
        strides=[stride],
        anchors=[anchors],
        background_iou=background_iou,
        terms=_terms_v2,
        probabilities=jax.nn.softmax,
        selection=selection,
    )


def yolo_v3(
    network: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    anchors: Anchors,
    background_iou: float = 0.5,
    selection: Selection = SUPPRESSED,
) -> Head:
    """The head of YOLO v3: anchors of several levels, and independent classes.

        x = stride (cell + sigmoid(t_x)),   w = anchor exp(t_w)

    The anchor of all levels that is nearest to an object's shape, in the cell of its
    centre, learns it: its objectness and classes by binary cross-entropy, its box by

        (2 - w h / W H) (entropy of t_x, t_y + (t_w - t_w')^2 / 2 + (t_h - t_h')^2 / 2)

    whose gradients are the differences `sigmoid(t_x) - x'` and `t_w - t_w'` of the
    released code. Every other objectness is drawn to 0, unless its predicted box
    overlaps an object by `background_iou`. Of several objects at one anchor, the
    smallest is learnt. At 416 x 416 pixels, strides of 8, 16 and 32 and three anchors
    each, these are the paper's 10,647 boxes.

    Args:
        network: `features -> levels [b, h, w, a (5 + classes)]`: of each of a anchors
            four numbers of the box, the objectness, the classes.
            `genjax.nn.LevelTowers` is one.
        classes: how many there are.
        strides: of the levels, in pixels, the finest first.
        anchors: of each level, widths and heights in pixels: those of `anchor_sizes`,
            the smallest to the finest level.
        background_iou: predictions that overlap an object so much are let be.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `box`, `object`, `background` and `classification` are sums,
        counted by objects.

    Raises:
        InputError: there are no classes, a level has no anchor, or an anchor no size.

    Source: Redmon and Farhadi, 2018, arXiv:1804.02767.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import yolo_v3
    >>> from genjax import nn
    >>> anchors = [[(10.0, 13.0), (16.0, 30.0)], [(30.0, 61.0), (62.0, 45.0)]]
    >>> network = nn.LevelTowers(channels=(2 * (5 + 3),) * 2, width=4)
    >>> head = yolo_v3(network, classes=3, strides=(8, 16), anchors=anchors)
    >>> features = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))
    >>> variables = head.init(jax.random.key(0), features)
    >>> [y.shape for y in head.apply(variables, features)]
    [(1, 8, 8, 16), (1, 4, 4, 16)]
    """
    return _anchored(
        "yolo_v3",
        network,
        classes=classes,
        strides=strides,
        anchors=anchors,
        background_iou=background_iou,
        terms=_terms_v3,
        probabilities=jax.nn.sigmoid,
        selection=selection,
    )


def _anchored(
    user: str,
    network: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    anchors: Anchors,
    background_iou: float,
    terms: Terms,
    probabilities: Callable[[Array], Array],
    selection: Selection,
) -> Head:
    check_classes(user, classes)
    check_anchors(user, anchors, len(strides))
    inner = as_network(network, user=user)

    def grid_of(raw: Sequence[Array]) -> Grid:
        channels = [len(level) * (5 + classes) for level in anchors]
        return grid_of_levels(user, raw, strides, channels=channels)

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image(user, image_size, strides)
        match = partial(best_anchors, grid=grid, anchors=anchors)
        return targets_by(match, boxes, grid, AnchorGrid(grid, anchors).of_places)

    def loss(
        raw: Sequence[Array], targets: Targets
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        grid = grid_of(raw)
        rows, predictors = rows_of(raw, anchors), AnchorGrid(grid, anchors)
        xyxy = jax.lax.stop_gradient(predictors.boxes(rows))
        place, log_size = predictors.of_boxes(targets.xyxy)
        own = iou(xyxy, targets.xyxy)
        one_hot = jax.nn.one_hot(targets.label, classes)
        box, found, background, classified = terms(rows, place, log_size, own, one_hot)
        share = area(targets.xyxy) / math.prod(grid.image_size)
        positive = targets.positive.astype(jnp.float32)
        learnt = targets.learnt & ~targets.positive
        learnt = learnt & (_best_overlap(xyxy, targets) < background_iou)
        learnt = learnt.astype(jnp.float32)
        sums = {
            "box": jnp.sum(positive * (2 - share) * box),
            "object": jnp.sum(positive * found),
            "background": jnp.sum(learnt * background),
            "classification": jnp.sum(positive * classified),
        }
        count = jnp.sum(positive)
        return known_labels(sums, targets, classes), dict.fromkeys(sums, count)

    def decode(raw: Sequence[Array]) -> Boxes:
        grid, rows = grid_of(raw), rows_of(raw, anchors)
        score = jax.nn.sigmoid(rows[..., 4:5]) * probabilities(rows[..., 5:])
        xyxy = AnchorGrid(grid, anchors).boxes(rows)
        return detections(score, xyxy, grid.image_size, selection)

    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def _best_overlap(xyxy: Float[Array, "b p 4"], targets: Targets) -> Array:
    """The highest overlap of each prediction with any object or region to ignore."""
    overlap = pairwise_iou(xyxy, targets.boxes.xyxy)
    return jnp.max(jnp.where(targets.boxes.valid[:, None], overlap, 0.0), axis=-1)


def _terms_v2(
    rows: Array, place: Array, log_size: Array, overlap: Array, one_hot: Array
) -> tuple[Array, ...]:
    box = (jax.nn.sigmoid(rows[..., :2]) - place) ** 2 + (
        rows[..., 2:4] - log_size
    ) ** 2
    found = jax.nn.sigmoid(rows[..., 4])
    classified = -jnp.sum(one_hot * jax.nn.log_softmax(rows[..., 5:]), axis=-1)
    return jnp.sum(box, axis=-1), 5 * (found - overlap) ** 2, found**2, classified


def _terms_v3(
    rows: Array, place: Array, log_size: Array, overlap: Array, one_hot: Array
) -> tuple[Array, ...]:
    del overlap
    box = entropy(rows[..., :2], place) + (rows[..., 2:4] - log_size) ** 2 / 2
    found, absent = entropy(rows[..., 4], jnp.ones(())), jax.nn.softplus(rows[..., 4])
    classified = jnp.sum(entropy(rows[..., 5:], one_hot), axis=-1)
    return jnp.sum(box, axis=-1), found, absent, classified
