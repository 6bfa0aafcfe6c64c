"""FCOS: a fully convolutional, anchor-free one-stage head.

Every place of every level predicts a class, the distances to the four edges of its box,
and its centerness. A place learns a box where it lies near the box's centre and the box
is of the size that its level is for; of several boxes it takes the smallest.

Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from genjax.base import Head, NetworkLike
from genjax.detection._boxes import Boxes, area
from genjax.detection._iou import giou
from genjax.detection._nms import nms
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Bool, Features, Float, Int, Key, Variables


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


class Targets(NamedTuple):
    """What each of the `p` places of all levels should predict.

    Fields:
        label: the class; the number of classes for the background.
        distance: to the four edges, in pixels; 1 at the background.
        centerness: in [0, 1]; 0 at the background.
        positive: whether a place has a box.
    """

    label: Int[Array, "b p"]
    distance: Float[Array, "b p 4"]
    centerness: Float[Array, "b p"]
    positive: Bool[Array, "b p"]


def fcos(
    tower: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    ranges: Sequence[float],
    radius: float = 1.5,
    score_threshold: float = 0.05,
    iou_threshold: float = 0.5,
    candidates: int = 256,
    detections: int = 100,
) -> Head:
    """The FCOS head with centre sampling, focal loss, GIoU loss and exact NMS.

        centerness = sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b))
        score = sqrt(sigmoid(logit) sigmoid(centerness))

    Args:
        tower: `levels -> {"logits": ..., "distance": ..., "centerness": ...}`, as
            `genjax.nn.DenseTower` with the outputs `fcos_outputs(classes)`.
        classes: how many there are.
        strides: of the levels, in pixels, the finest first.
        ranges: the largest distance to an edge that each level but the last is for, in
            pixels: one entry less than `strides`.
        radius: of the centre sampling, in strides.
        score_threshold: detections below are dropped.
        iou_threshold: of the suppression, class by class.
        candidates: the best places of an image that enter the suppression.
        detections: the most boxes per image.

    Returns:
        A head. Its losses are sums with their counts: `classification` over positives,
        `box` weighted by centerness, `centerness` over positives. A box whose label is
        not in 0 ... classes - 1 makes them NaN: it would be learnt as background.

    Raises:
        InputError: there are no classes, or `ranges` does not fit `strides`.

    Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import fcos, fcos_outputs
    >>> from genjax import nn
    >>> tower = nn.DenseTower(outputs=fcos_outputs(3), width=4)
    >>> head = fcos(tower, classes=3, strides=(4, 8), ranges=(16.0,))
    >>> levels = (jnp.ones((2, 8, 8, 4)), jnp.ones((2, 4, 4, 4)))
    >>> variables = head.init(jax.random.key(0), levels)
    >>> [y.shape for y in head.apply(variables, levels).logits]
    [(2, 8, 8, 3), (2, 4, 4, 3)]
    """
    if classes < 1:
        raise InputError(f"fcos: classes must be at least 1, got {classes}.")
    ascending = list(ranges) == sorted(ranges) and min(ranges, default=1.0) > 0
    if len(ranges) != len(strides) - 1 or not ascending:
        raise InputError(
            f"fcos: ranges must be {len(strides) - 1} ascending positive distances "
            f"between the {len(strides)} levels, got {list(ranges)}."
        )
    assign_image = partial(
        _assign, classes=classes, strides=strides, ranges=ranges, radius=radius
    )

    network = as_network(tower, user="fcos")

    def apply(variables: Variables, features: Features) -> Raw:
        return Raw(**network.apply(variables, features))

    def train(
        variables: Variables, key: Key, features: Features
    ) -> tuple[Raw, Variables]:
        raw, changed = network.train(variables, key, features)
        return Raw(**raw), changed

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        if any(side % stride for side in image_size for stride in strides):
            raise InputError(
                f"fcos: the strides {list(strides)} must divide the sides of the "
                f"image, got {image_size[0]} x {image_size[1]}."
            )
        sizes = [(image_size[0] // s, image_size[1] // s) for s in strides]
        # One row of padding, so that there is always one to choose.
        boxes = jax.tree.map(_with_padding, boxes)
        return jax.vmap(partial(assign_image, sizes=sizes))(boxes)

    def decode(raw: Raw) -> Boxes:
        sizes = [(level.shape[1], level.shape[2]) for level in raw.logits]
        places = jnp.concatenate([p for p, _ in _grid(sizes, strides)])
        distance, logits = _distances(raw, strides), _flat(raw.logits)
        centerness = _flat(raw.centerness)
        log_score = jax.nn.log_sigmoid(logits) + jax.nn.log_sigmoid(centerness)
        score = jnp.exp(0.5 * log_score)
        size = (sizes[0][0] * strides[0], sizes[0][1] * strides[0])
        select = partial(
            _select,
            size=size,
            candidates=candidates,
            detections=detections,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
        )
        return jax.vmap(partial(select, places=places))(score, distance)

    loss = partial(_loss, strides=strides)
    return Head(network.init, apply, train, assign, loss, decode)


def fcos_outputs(classes: int) -> tuple[tuple[str, int], ...]:
    """Returns the outputs that the tower of `fcos` needs.

    Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.

    >>> from genjax.detection import fcos_outputs
    >>> fcos_outputs(3)
    (('logits', 3), ('distance', 4), ('centerness', 1))
    """
    return (("logits", classes), ("distance", 4), ("centerness", 1))


def _with_padding(leaf: Array) -> Array:
    return jnp.pad(leaf, [(0, 0), (0, 1)] + [(0, 0)] * (leaf.ndim - 2))


def _grid(
    sizes: Sequence[tuple[int, int]], strides: Sequence[int]
) -> list[tuple[Array, int]]:
    """The places of every level, `[h w, 2]` as x and y in pixels, with its stride."""
    grids = []
    for (height, width), stride in zip(sizes, strides, strict=True):
        x = (jnp.arange(width, dtype=jnp.float32) + 0.5) * stride
        y = (jnp.arange(height, dtype=jnp.float32) + 0.5) * stride
        grid = jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(-1, 2)
        grids.append((grid, stride))
    return grids


def _flat(levels: Sequence[Array]) -> Array:
    """Joins levels `[b, h, w, c]` to `[b, p, c]`, in float32."""
    return jnp.concatenate(
        [x.reshape(len(x), -1, x.shape[-1]).astype(jnp.float32) for x in levels], axis=1
    )


def _distances(raw: Raw, strides: Sequence[int]) -> Array:
    """The predicted distances in pixels `[b, p, 4]`, positive and bounded."""
    scaled = [
        jnp.exp(8 * jnp.tanh(level.astype(jnp.float32) / 8)) * stride
        for level, stride in zip(raw.distance, strides, strict=True)
    ]
    return _flat(scaled)


def _assign(
    boxes: Boxes,
    *,
    sizes: Sequence[tuple[int, int]],
    classes: int,
    strides: Sequence[int],
    ranges: Sequence[float],
    radius: float,
) -> Targets:
    """The targets of one image: at each place the smallest of the boxes it is for."""
    limits = (0.0, *ranges, math.inf)
    costs, distances = [], []
    centre = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2
    for level, (places, stride) in enumerate(_grid(sizes, strides)):
        low = places[:, None] - boxes.xyxy[None, :, :2]
        high = boxes.xyxy[None, :, 2:] - places[:, None]
        distance = jnp.concatenate([low, high], axis=-1)
        inside = jnp.min(distance, axis=-1) > 0
        near = jnp.all(
            jnp.abs(places[:, None] - centre[None]) < radius * stride, axis=-1
        )
        reach = jnp.max(distance, axis=-1)
        fits = (reach > limits[level]) & (reach <= limits[level + 1])
        good = inside & near & fits & boxes.valid[None]
        costs.append(jnp.where(good, area(boxes.xyxy)[None], jnp.inf))
        distances.append(distance)
    cost, distance = jnp.concatenate(costs), jnp.concatenate(distances)
    best = jnp.argmin(cost, axis=1)
    positive = jnp.min(cost, axis=1) < jnp.inf
    label = jnp.where(positive, boxes.label[best], classes)
    is_class = (boxes.label[best] >= 0) & (boxes.label[best] < classes)
    own = jnp.take_along_axis(distance, best[:, None, None], axis=1)[:, 0]
    own = jnp.where(positive[:, None], own, 1.0)
    centerness = jnp.where(is_class, _centerness(own), jnp.nan)
    return Targets(label, own, jnp.where(positive, centerness, 0.0), positive)


def _centerness(distance: Array) -> Array:
    low, high = distance[..., :2], distance[..., 2:]
    ratio = jnp.minimum(low, high) / jnp.maximum(low, high)
    return jnp.sqrt(ratio[..., 0] * ratio[..., 1])


def _around_origin(distance: Array) -> Array:
    """The box that these distances span around the place itself."""
    return jnp.concatenate([-distance[..., :2], distance[..., 2:]], axis=-1)


def _loss(
    raw: Raw, targets: Targets, *, strides: Sequence[int]
) -> tuple[dict[str, Array], dict[str, Array]]:
    logits, centerness = _flat(raw.logits), _flat(raw.centerness)[..., 0]
    one_hot = jax.nn.one_hot(targets.label, logits.shape[-1])
    overlap = giou(
        _around_origin(_distances(raw, strides)), _around_origin(targets.distance)
    )
    positive = targets.positive.astype(jnp.float32)
    entropy = jax.nn.softplus(centerness) - targets.centerness * centerness
    sums = {
        "classification": jnp.sum(
            optax.losses.sigmoid_focal_loss(logits, one_hot, alpha=0.25, gamma=2.0)
        ),
        "box": jnp.sum(targets.centerness * (1 - overlap)),
        "centerness": jnp.sum(positive * entropy),
    }
    counts = {
        "classification": jnp.sum(positive),
        "box": jnp.sum(targets.centerness),
        "centerness": jnp.sum(positive),
    }
    return sums, counts


def _select(
    score: Array,
    distance: Array,
    *,
    places: Array,
    size: tuple[int, int],
    candidates: int,
    detections: int,
    score_threshold: float,
    iou_threshold: float,
) -> Boxes:
    """The detections of one image, from scores `[p, classes]`, best first."""
    classes = score.shape[1]
    count = min(candidates, score.size)
    best, index = jax.lax.top_k(score.reshape(-1), count)
    place, label = index // classes, index % classes
    span = distance[place]
    corners = [places[place] - span[:, :2], places[place] + span[:, 2:]]
    limit = jnp.array([size[1], size[0]] * 2, jnp.float32)
    xyxy = jnp.clip(jnp.concatenate(corners, axis=1), 0.0, limit[None])
    keep = nms(
        xyxy, best, best > score_threshold, iou_threshold=iou_threshold, label=label
    )
    kept, order = jax.lax.top_k(jnp.where(keep, best, -1.0), min(detections, count))
    valid = kept >= 0
    return Boxes(xyxy[order], label[order], valid, jnp.where(valid, kept, 0.0))
