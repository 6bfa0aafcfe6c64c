"""A query decoder: a few queries attend to the image, and each predicts one object.

Sources: Carion et al., 2020, arXiv:2005.12872; Zhu et al., 2021, arXiv:2010.04159.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Head, Network, NetworkLike
from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import (
    PEAKS,
    Grid,
    Selection,
    Targets,
    boxes_of_distances,
    check_classes,
    detections,
    edges_of,
    flat,
    grid_of_image,
    grid_of_levels,
    known_labels,
    returning,
    smallest,
    targets_by,
)
from genjax.detection._end_to_end import Branch, branch_loss
from genjax.detection._iou import giou
from genjax.detection._losses import focal, focal_classification
from genjax.detection._matching import hungarian, inside_or_nearest
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Bool, Features, Float, Key, Variables
from genjax.variables import join_changes, join_parts, part_of

CLASS, SIDES, OVERLAP = 2.0, 5.0, 2.0
"""Weights of a pair's cost, and of the losses of boxes."""
Pair = tuple[Array, Array]


class Raw(NamedTuple):
    """What the head predicts.

    Fields:
        proposals: of every place, as one branch of `end_to_end` predicts them.
        logits: of the classes of the queries, `[b, q, classes]`, layer by layer.
        box: centre and size in shares of the image, `[b, q, 4]`, layer by layer.
    """

    proposals: Branch
    logits: tuple[Array, ...]
    box: tuple[Array, ...]


def detr(
    tower: NetworkLike,
    decoder: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    queries: int = 20,
    selection: Selection = PEAKS,
) -> Head:
    """A small query decoder, which needs neither anchors nor suppression.

    A tower proposes a box at every place; the `queries` best proposals become queries,
    with their features and boxes. Layer by layer the decoder refines them. In each
    layer every object has one query, by the assignment of least cost

        2 (focal loss of its class) + 5 |box - object|_1 + 2 (1 - GIoU),

    sides in shares of the image. Its query learns the class by the focal loss, and the
    box; the others learn that there is nothing. Proposals learn as the branch `many` of
    `end_to_end`, with one place for each object. Detections are the best pairs of query
    and class in the last layer.

    Args:
        tower: `levels -> {"logits": ..., "distance": ...}`, as `genjax.nn.DenseTower`
            with the outputs `end_to_end_outputs(classes)`.
        decoder: `(levels, index [b, q], box [b, q, 4]) -> {"logits": ..., "box": ...}`,
            from the places of the proposals, counted through all levels, and their
            boxes; as `genjax.nn.QueryDecoder(classes)`.
        classes: how many there are.
        strides: of the levels, in pixels, the finest first.
        queries: how many; of more objects in an image, those beyond are not learnt.
        selection: which queries become detections.

    Returns:
        A head. Its losses `proposals`, `proposed_box`, `classification`, `sides` and
        `box` are sums over places, or over the queries of all layers, counted by those
        with objects, in all layers.

    Raises:
        InputError: there are no classes or queries, fewer places than queries, or the
            decoder returns something of another shape.

    Source: Carion et al., 2020, arXiv:2005.12872; Zhu et al., 2021, arXiv:2010.04159.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import detr, end_to_end_outputs
    >>> from genjax import nn
    >>> tower = nn.DenseTower(outputs=end_to_end_outputs(3), width=4)
    >>> decoder = nn.QueryDecoder(classes=3, width=8, layers=2)
    >>> head = detr(tower, decoder, classes=3, strides=(4, 8), queries=5)
    >>> levels = (jnp.ones((2, 8, 8, 4)), jnp.ones((2, 4, 4, 4)))
    >>> variables = jax.jit(head.init)(jax.random.key(0), levels)
    >>> [x.shape for x in head.apply(variables, levels).box]
    [(2, 5, 4), (2, 5, 4)]
    """
    check_classes("detr", classes)
    if queries < 1:
        raise InputError(f"detr: queries must be at least 1, got {queries}.")

    def grid_of(proposals: Branch) -> Grid:
        channels = [classes] * len(strides)
        return grid_of_levels("detr", proposals.logits, strides, channels=channels)

    def best(proposals: Branch) -> Pair:
        return _best(proposals, grid_of(proposals), strides, queries)

    checked = partial(_checked, queries=queries, classes=classes)
    inner = returning(_in_turn(tower, decoder, best), checked)

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("detr", image_size, strides)

        def match(own: Boxes) -> tuple[Array, Array]:
            return smallest(inside_or_nearest(own, grid), own)

        return targets_by(match, boxes, grid)

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        edges = edges_of(grid_of(raw.proposals).image_size)[None, None]
        sums, counts = branch_loss(
            raw.proposals,
            targets=targets,
            strides=strides,
            classes=classes,
            places=1,
            user="detr",
        )
        names = {"classification": "proposals", "box": "proposed_box"}
        sums = {names[name]: value for name, value in sums.items()}
        counts = {names[name]: value for name, value in counts.items()}
        layers = jax.vmap(lambda logits, box: _layer_loss(logits, box, targets, edges))
        own, count = layers(jnp.stack(raw.logits), jnp.stack(raw.box))
        sums |= {name: jnp.sum(values) for name, values in own.items()}
        counts |= dict.fromkeys(own, jnp.sum(count))
        return known_labels(sums, targets, classes), counts

    def decode(raw: Raw) -> Boxes:
        grid = grid_of(raw.proposals)
        xyxy = _xyxy(raw.box[-1]) * edges_of(grid.image_size)[None, None]
        score = jax.nn.sigmoid(raw.logits[-1].astype(jnp.float32))
        return detections(score, xyxy, grid.image_size, selection)

    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def _best(proposals: Branch, grid: Grid, strides: Sequence[int], queries: int) -> Pair:
    """The places of the best proposals `[b, q]`, and their boxes in shares."""
    score = jnp.max(flat(proposals.logits), axis=-1)
    if score.shape[1] < queries:
        raise InputError(
            f"detr: there must be as many places as queries, {queries}, got "
            f"{score.shape[1]}."
        )
    _, index = jax.lax.top_k(score, queries)
    xyxy = boxes_of_distances(proposals.distance, grid, strides)
    xyxy = jnp.take_along_axis(xyxy, index[..., None], axis=1)
    share = jnp.clip(xyxy / edges_of(grid.image_size)[None, None], 0.0, 1.0)
    box = jnp.concatenate(centre_and_size(share), axis=-1)
    return index, jax.lax.stop_gradient(box)


def _checked(raw: Raw, *, queries: int, classes: int) -> Raw:
    """What the network returns, if it is as the head needs it."""
    for name, last in (("logits", classes), ("box", 4)):
        shapes = [x.shape[1:] for x in getattr(raw, name)]
        if not shapes or set(shapes) != {(queries, last)}:
            raise InputError(
                f"detr: the decoder must return {name} [b, {queries}, {last}] of "
                f"every layer, got {shapes}."
            )
    return raw


def _in_turn(
    tower: NetworkLike, decoder: NetworkLike, best: Callable[[Branch], Pair]
) -> Network:
    """The tower, and the decoder of its best proposals, as one network."""
    first = as_network(tower, user="detr")
    second = as_network(decoder, user="detr")

    def init(key: Key, *features: Features) -> Variables:
        keys = jax.random.split(key)
        of_tower = first.init(keys[0], *features)
        proposals = Branch(**first.apply(of_tower, *features))
        of_decoder = second.init(keys[1], *features, *best(proposals))
        return join_parts({"tower": of_tower, "decoder": of_decoder})

    def apply(variables: Variables, *features: Features) -> Raw:
        proposals = Branch(**first.apply(part_of(variables, "tower"), *features))
        chosen = best(proposals)
        found = second.apply(part_of(variables, "decoder"), *features, *chosen)
        return Raw(proposals, **found)

    def train(
        variables: Variables, key: Key, *features: Features
    ) -> tuple[Raw, Variables]:
        keys, changed = jax.random.split(key), {}
        proposed, changed["tower"] = first.train(
            part_of(variables, "tower"), keys[0], *features
        )
        proposals = Branch(**proposed)
        found, changed["decoder"] = second.train(
            part_of(variables, "decoder"), keys[1], *features, *best(proposals)
        )
        return Raw(proposals, **found), join_changes(changed)

    return Network(init, apply, train)


def _layer_loss(
    logits: Float[Array, "b q classes"],
    box: Float[Array, "b q 4"],
    targets: Targets,
    edges: Float[Array, "1 1 4"],
) -> tuple[dict[str, Array], Array]:
    """The losses of one layer's queries, and how many have an object."""
    logits, box = logits.astype(jnp.float32), box.astype(jnp.float32)
    # Objects first; of the rest no more is needed than there are queries.
    first = jnp.argsort(~targets.objects, axis=1, stable=True)[:, : logits.shape[1]]
    true = jax.vmap(lambda boxes, rows: jax.tree.map(lambda x: x[rows], boxes))(
        targets.boxes, first
    )
    true = true._replace(xyxy=true.xyxy / edges)
    index, positive = jax.vmap(_assigned)(*jax.lax.stop_gradient((logits, box)), true)
    centre = box[..., :2] * edges[..., :2]
    ignored = jax.vmap(_in_regions)(centre, targets.boxes)
    own = Targets(index, positive, ignored, true)
    found = positive.astype(jnp.float32)
    wanted = jnp.concatenate(centre_and_size(own.xyxy), axis=-1)
    sums = {
        "classification": focal_classification(logits, own),
        "sides": SIDES * jnp.sum(found[..., None] * jnp.abs(box - wanted)),
        "box": OVERLAP * jnp.sum(found * (1 - giou(_xyxy(box), own.xyxy))),
    }
    return sums, jnp.sum(found)


def _assigned(
    logits: Float[Array, "q classes"], box: Float[Array, "q 4"], true: Boxes
) -> tuple[Array, Array]:
    """The object of each query of an image, and whether it has one."""
    gain = focal(logits, jnp.ones_like(logits)) - focal(logits, jnp.zeros_like(logits))
    label = jnp.clip(true.label, 0, logits.shape[1] - 1)
    wanted = jnp.concatenate(centre_and_size(true.xyxy), axis=-1)
    apart = jnp.sum(jnp.abs(box[:, None] - wanted[None]), axis=-1)
    overlap = giou(_xyxy(box)[:, None], true.xyxy[None])
    cost = CLASS * gain[:, label] + SIDES * apart + OVERLAP * (1 - overlap)
    return hungarian(cost, true.objects)


def _in_regions(points: Float[Array, "q 2"], boxes: Boxes) -> Bool[Array, " q"]:
    """Whether each point lies in a region to ignore."""
    low = points[:, None] >= boxes.xyxy[None, :, :2]
    high = points[:, None] <= boxes.xyxy[None, :, 2:]
    within = jnp.all(low & high, axis=-1)
    return jnp.any(within & (boxes.valid & boxes.ignore)[None], axis=1)


def _xyxy(box: Float[Array, "*b 4"]) -> Float[Array, "*b 4"]:
    return around(box[..., :2], box[..., 2:])
