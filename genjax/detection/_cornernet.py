"""CornerNet: objects as pairs of corners that belong together.

Source: Law and Deng, 2018, arXiv:1808.01244.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from genjax.base import Head, NetworkLike
from genjax.detection._boxes import Boxes
from genjax.detection._dense import (
    SUPPRESSED,
    Grid,
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
from genjax.nn.adapters import as_network
from genjax.typing import Array, Float

GROUPING = 0.1
"""The paper's weight of pulling and of pushing."""


class Raw(NamedTuple):
    """What the head predicts of the upper left and of the lower right corners.

    Fields:
        heat: logits of the classes, a pair of `[b, h, w, classes]`.
        embedding: numbers that are alike for corners of one object, `[b, h, w, 1]`.
        offset: of the corner within its place, in places, `[b, h, w, 2]`.
    """

    heat: tuple[Array, Array]
    embedding: tuple[Array, Array]
    offset: tuple[Array, Array]


def cornernet(
    tower: NetworkLike,
    *,
    classes: int,
    stride: int,
    radius: Callable[[Array], Array] = released_radius,
    corners: int = 32,
    apart: float = 0.5,
    selection: Selection = SUPPRESSED,
) -> Head:
    """The head of CornerNet: two heatmaps, offsets, and embeddings that pair corners.

    Heatmaps are those of `centernet`, about corners. The embeddings e of an object's
    two corners are pulled to their mean, and means are pushed apart:

        pull = sum_k (e_k - m_k)^2 + (e'_k - m_k)^2
        push = sum over j != k of max(0, 1 - |m_k - m_j|)

    Detections are pairs of the best corners of one class whose embeddings differ by
    less than `apart`, the first above and left of the second, each of them a detection
    by its own score; the pair's is the mean.

    Args:
        tower: `features -> {"heat": pair, "embedding": pair, "offset": pair}` of one
            level, as `genjax.nn.CornerTower`.
        classes: how many there are.
        stride: of the level, in pixels.
        radius: from sizes in places `[*b, 2]` to the radius of the heatmap.
        corners: of each kind that enter the pairing, the best of an image.
        apart: difference of embeddings from which on corners are not of one object.
        selection: which pairs become detections.

    Returns:
        A head. Its losses `heat` and `offset` are sums, counted by corners, `pull` by
        objects, `push` by pairs of them.

    Raises:
        InputError: there are no classes.

    Source: Law and Deng, 2018, arXiv:1808.01244.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import cornernet
    >>> from genjax import nn
    >>> head = cornernet(nn.CornerTower(classes=3, width=4), classes=3, stride=4)
    >>> levels = (jnp.ones((2, 8, 8, 4)),)
    >>> variables = head.init(jax.random.key(0), levels)
    >>> head.apply(variables, levels).heat[0].shape
    (2, 8, 8, 3)
    """
    check_classes("cornernet", classes)
    network = as_network(tower, user="cornernet")
    inner = returning(network, lambda outputs: Raw(**outputs))

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("cornernet", image_size, [stride])

        def match(boxes: Boxes) -> tuple[Array, Array]:
            corners = boxes.xyxy[:, :2], boxes.xyxy[:, 2:]
            pairs = [smallest(holds(grid, own), boxes) for own in corners]
            index, positive = zip(*pairs, strict=True)
            return jnp.concatenate(index), jnp.concatenate(positive)

        return targets_by(match, boxes, grid, lambda x: jnp.concatenate([x, x]))

    loss = partial(_loss, classes=classes, stride=stride, radius=radius)
    decode = partial(
        _decode,
        classes=classes,
        stride=stride,
        corners=corners,
        apart=apart,
        selection=selection,
    )
    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def _loss(
    raw: Raw,
    targets: Targets,
    *,
    classes: int,
    stride: int,
    radius: Callable[[Array], Array],
) -> tuple[dict[str, Array], dict[str, Array]]:
    grid = grid_of_levels("cornernet", raw.heat[:1], [stride], channels=[classes])
    (size,) = grid.sizes
    wanted = jax.vmap(
        lambda boxes: jnp.concatenate(
            [
                heatmap(boxes, cells, size, stride, classes, radius)
                for cells in _corner_cells(boxes, size, stride)
            ]
        )
    )(targets.boxes)
    heat = peak_loss(flat(raw.heat), wanted)
    corner = jnp.tile(grid.corner, (2, 1))[None] / stride
    edges = targets.xyxy / stride
    half = corner.shape[1] // 2
    place = jnp.concatenate([edges[:, :half, :2], edges[:, half:, 2:]], axis=1)
    smooth = optax.losses.huber_loss(flat(raw.offset), place - corner)
    positive = targets.positive[..., None]
    pull, push, pairs = jax.vmap(lambda boxes, *own: _grouping(boxes, own, stride))(
        targets.boxes, *(e[..., 0].astype(jnp.float32) for e in raw.embedding)
    )
    count = jnp.sum(positive.astype(jnp.float32))
    objects = jnp.sum(targets.objects.astype(jnp.float32))
    sums = {
        "heat": jnp.sum(jnp.where(targets.learnt[..., None], heat, 0.0)),
        "offset": jnp.sum(jnp.where(positive, smooth, 0.0)),
        "pull": GROUPING * jnp.sum(pull),
        "push": GROUPING * jnp.sum(push),
    }
    counts = {
        "heat": 2 * objects,
        "offset": count,
        "pull": objects,
        "push": jnp.sum(pairs),
    }
    return known_labels(sums, targets, classes), counts


def _decode(
    raw: Raw,
    *,
    classes: int,
    stride: int,
    corners: int,
    apart: float,
    selection: Selection,
) -> Boxes:
    grid = grid_of_levels("cornernet", raw.heat[:1], [stride], channels=[classes])
    first, second = (
        _best_corners(*maps, grid=grid, stride=stride, corners=corners)
        for maps in zip(*raw, strict=True)
    )
    low, high = first.place[:, :, None], second.place[:, None]
    fits = jnp.all(high > low, axis=-1)
    fits &= first.label[:, :, None] == second.label[:, None]
    worse = jnp.minimum(first.score[:, :, None], second.score[:, None])
    fits &= worse > selection.score_threshold
    differ = jnp.abs(first.embedding[:, :, None] - second.embedding[:, None])
    score = (first.score[:, :, None] + second.score[:, None]) / 2
    score = jnp.where(fits & (differ < apart), score, 0.0)
    b = len(score)
    shape = (*score.shape, 2)
    ends = [jnp.broadcast_to(x, shape) for x in (low, high)]
    label = jnp.broadcast_to(first.label[:, :, None], score.shape).reshape(b, -1)
    scores = jax.nn.one_hot(label, classes) * score.reshape(b, -1, 1)
    xyxy = jnp.concatenate(ends, axis=-1).reshape(b, -1, 4)
    return detections(scores, xyxy, grid.image_size, selection)


def _corner_cells(
    boxes: Boxes, size: tuple[int, int], stride: int
) -> tuple[Array, Array]:
    """Column and row of the place of both corners of each box, `[n, 2]`."""
    first, second = boxes.xyxy[:, :2], boxes.xyxy[:, 2:]
    return cells_of(first, size, stride), cells_of(second, size, stride)


def _grouping(
    boxes: Boxes, embeddings: tuple[Array, Array], stride: int
) -> tuple[Array, Array, Array]:
    """What is left to pull and to push in one image, and the number of pairs."""
    height, width = embeddings[0].shape
    cells = _corner_cells(boxes, (height, width), stride)
    own = [
        values.reshape(-1)[(cell[:, 1] * width + cell[:, 0]).astype(jnp.int32)]
        for values, cell in zip(embeddings, cells, strict=True)
    ]
    mean = (own[0] + own[1]) / 2
    objects = boxes.objects
    pull = (own[0] - mean) ** 2 + (own[1] - mean) ** 2
    others = objects[:, None] & objects[None] & ~jnp.eye(len(mean), dtype=bool)
    push = jnp.maximum(1 - jnp.abs(mean[:, None] - mean[None]), 0.0)
    return (
        jnp.sum(jnp.where(objects, pull, 0.0)),
        jnp.sum(jnp.where(others, push, 0.0)),
        jnp.sum(others.astype(jnp.float32)),
    )


class Corners(NamedTuple):
    """The best corners of one kind, of a batch.

    Fields:
        place: x and y in pixels, `[b, k, 2]`.
        label: the class, `[b, k]`.
        score: `[b, k]`.
        embedding: `[b, k]`.
    """

    place: Float[Array, "b k 2"]
    label: Array
    score: Array
    embedding: Array


def _best_corners(
    heat: Array,
    embedding: Array,
    offset: Array,
    *,
    grid: Grid,
    stride: int,
    corners: int,
) -> Corners:
    score = jax.nn.sigmoid(heat.astype(jnp.float32))
    score = flat([jnp.where(is_peak(score), score, 0.0)])
    classes = score.shape[-1]
    count = min(corners, score[0].size)
    best, index = jax.lax.top_k(score.reshape(len(score), -1), count)
    row = index // classes
    place = grid.corner[None] + stride * flat([offset])
    return Corners(
        jnp.take_along_axis(place, row[..., None], axis=1),
        index % classes,
        best,
        jnp.take_along_axis(flat([embedding])[..., 0], row, axis=1),
    )
