"""Detection heads over 32 x 32 images with 3 classes, and what they would say."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax import nn
from genjax.base import Head, Network, NetworkLike
from genjax.detection import (
    by_size,
    centernet,
    centre_and_size,
    cornernet,
    detr,
    end_to_end,
    fcos,
    retina,
    yolo_v1,
    yolo_v2,
    yolo_v3,
)
from genjax.detection._anchors import AnchorGrid
from genjax.detection._centernet import Raw as CenterNetRaw
from genjax.detection._cornernet import Raw as CornerNetRaw
from genjax.detection._dense import Grid, Targets
from genjax.detection._detr import Raw as DetrRaw
from genjax.detection._end_to_end import Branch, Raw as EndToEndRaw
from genjax.detection._fcos import Raw as FcosRaw
from genjax.detection._retina import Raw as RetinaRaw
from genjax.detection.scales import by_branch
from genjax.typing import Variables

STRIDES, SIZES = (4, 8), ((8, 8), (4, 4))
GRID = Grid(SIZES, STRIDES)
FINEST, COARSEST = Grid(SIZES[:1], STRIDES[:1]), Grid(SIZES[1:], STRIDES[1:])


Levels = list[jax.Array]
QUERIES = 12


class HeadCase(NamedTuple):
    """A head, and what it would say if it knew.

    Fields:
        make: from its network.
        features: of the network at every place of both levels.
        outputs: what the head takes of these.
        encode: makes raw predictions of targets.
        head: with a pointwise network.
    """

    make: Callable[[NetworkLike], Head]
    features: int
    outputs: Callable[[Levels], Any]
    encode: Callable[[Targets], Any]
    head: Head


def case_of(
    make: Callable[[NetworkLike], Head],
    features: int,
    outputs: Callable[[Levels], Any],
    encode: Callable[[Targets], Any],
) -> HeadCase:
    head = make(pointwise(features, outputs))
    return HeadCase(make, features, outputs, encode, head)


def pointwise(features: int, outputs: Callable[[Levels], Any]) -> Network:
    """An MLP at every place of both levels, and what it hands over of them."""
    network = nn.MLP(features=features, hidden=(32,))

    def apply(variables: Variables, levels: Any) -> Any:
        return outputs([network.apply(variables, level) for level in levels])

    return Network(lambda key, levels: network.init(key, levels[0]), apply)


def levels_of(
    rows: jax.Array, per_place: int = 1, sizes: Sequence[tuple[int, int]] = SIZES
) -> list[jax.Array]:
    """Cuts `[b, p, c]` into levels."""
    ends = [0, *itertools.accumulate(per_place * h * w for h, w in sizes)]
    return [
        rows[:, a:b].reshape(len(rows), *size, -1)
        for (a, b), size in zip(itertools.pairwise(ends), sizes, strict=True)
    ]


def sure(found: jax.Array) -> jax.Array:
    """Logits of what is certain."""
    return 40.0 * found.astype(jnp.float32) - 20.0


def labelled(targets: Targets) -> jax.Array:
    """The classes of objects `[b, p, 3]`, zeros where there is none."""
    found = targets.positive[..., None].astype(jnp.float32)
    return found * jax.nn.one_hot(targets.label, 3)


def perfect_fcos(targets: Targets, grid: Grid = GRID) -> FcosRaw:
    places = grid.centre[None]
    levels = partial(levels_of, sizes=grid.sizes)
    positive = targets.positive[..., None]
    low, high = places - targets.xyxy[..., :2], targets.xyxy[..., 2:] - places
    distance = jnp.where(positive, jnp.concatenate([low, high], axis=-1), 1.0)
    ratio = jnp.minimum(distance[..., :2], distance[..., 2:]) / jnp.maximum(
        distance[..., :2], distance[..., 2:]
    )
    central = jnp.where(targets.positive, jnp.sqrt(jnp.prod(ratio, axis=-1)), 0.0)
    central = jax.scipy.special.logit(jnp.clip(central, 1e-6, 1 - 1e-6))
    strides = [grid.image_size[0] // h for h, _ in grid.sizes]
    spans = zip(levels(distance), strides, strict=True)
    return FcosRaw(
        tuple(levels(sure(labelled(targets)))),
        tuple(8 * jnp.arctanh(jnp.log(x / stride) / 8) for x, stride in spans),
        tuple(levels(central[..., None])),
    )


def perfect_branches(targets: tuple[Targets, ...]) -> tuple[FcosRaw, ...]:
    """Both branches have a level of stride 8, of an image twice as large and of it."""
    grids = [Grid([size], [8]) for size in SIZES]
    return tuple(map(perfect_fcos, targets, grids))


def perfect_centernet(targets: Targets) -> CenterNetRaw:
    corner = FINEST.corner[None] / 4
    centre, size = centre_and_size(targets.xyxy / 4)
    heat = targets.positive[..., None].astype(jnp.float32) * jax.nn.one_hot(
        targets.label, 3
    )
    maps = (sure(heat), centre - corner, size)
    return CenterNetRaw(*(x.reshape(len(x), 8, 8, -1) for x in maps))


def part_of_places(targets: Targets, own: slice) -> Targets:
    return targets._replace(
        index=targets.index[:, own],
        positive=targets.positive[:, own],
        ignored=targets.ignored[:, own],
    )


def perfect_cornernet(targets: Targets) -> CornerNetRaw:
    """Embeddings are the objects' rows."""
    corner = FINEST.corner[None] / 4
    pairs = [
        (
            sure(labelled(own)),
            own.index[..., None].astype(jnp.float32),
            own.xyxy[..., ends] / 4 - corner,
        )
        for own, ends in (
            (part_of_places(targets, slice(0, 64)), slice(0, 2)),
            (part_of_places(targets, slice(64, 128)), slice(2, 4)),
        )
    ]
    maps = [
        tuple(x.reshape(len(x), 8, 8, -1) for x in kind)
        for kind in zip(*pairs, strict=True)
    ]
    return CornerNetRaw(*maps)


def perfect_yolo_v1(targets: Targets) -> list[jax.Array]:
    corner = FINEST.corner[None] / 4
    centre, size = centre_and_size(targets.xyxy)
    found = targets.positive[..., None]
    box = [centre / 4 - corner, jnp.sqrt(size / 32), found.astype(jnp.float32)]
    other = jnp.zeros((*found.shape[:2], 5))
    rows = jnp.concatenate([*box, other, jax.nn.one_hot(targets.label, 3)], axis=-1)
    return [rows.reshape(len(rows), 8, 8, -1)]


def perfect_end_to_end(targets: Targets) -> EndToEndRaw:
    """One place an object: that nearest to its centre."""
    places = GRID.centre[None]
    centre, _ = centre_and_size(targets.boxes.xyxy)
    distance = jnp.sum((places[:, :, None] - centre[:, None]) ** 2, axis=-1)
    nearest = jnp.argmin(distance, axis=1)
    own = jnp.arange(places.shape[1])[None, :, None] == nearest[:, None]
    own = own & targets.objects[:, None]
    targets = targets._replace(
        index=jnp.argmax(own, axis=2), positive=jnp.any(own, axis=2)
    )
    low, high = (
        places - targets.xyxy[..., :2],
        targets.xyxy[..., 2:] - places,
    )
    span = jnp.concatenate([low, high], axis=-1)
    span = jnp.where(targets.positive[..., None], span, 1.0)
    spans = zip(levels_of(span), STRIDES, strict=True)
    branch = Branch(
        tuple(levels_of(sure(labelled(targets)))),
        tuple(8 * jnp.arctanh(jnp.log(x / stride) / 8) for x, stride in spans),
    )
    return EndToEndRaw(branch, branch)


ANCHORS = (((8.0, 8.0), (10.0, 12.0)), ((14.0, 14.0), (20.0, 16.0)))


def anchored_rows(targets: Targets, predictors: AnchorGrid) -> jax.Array:
    place, log_size = predictors.of_boxes(targets.xyxy)
    found = targets.positive[..., None]
    return jnp.concatenate(
        [
            jax.scipy.special.logit(jnp.clip(place, 1e-6, 1 - 1e-6)),
            log_size,
            sure(found),
            sure(jax.nn.one_hot(targets.label, 3)),
        ],
        axis=-1,
    )


def perfect_yolo_v2(targets: Targets) -> list[jax.Array]:
    rows = anchored_rows(targets, AnchorGrid(COARSEST, ANCHORS[1:]))
    return [rows.reshape(len(rows), 4, 4, -1)]


def perfect_yolo_v3(targets: Targets) -> list[jax.Array]:
    return levels_of(anchored_rows(targets, AnchorGrid(GRID, ANCHORS)), 2)


def perfect_retina(targets: Targets) -> RetinaRaw:
    own = AnchorGrid(GRID, ANCHORS)
    centre, size = centre_and_size(targets.xyxy)
    deltas = [(centre - own.centre) / own.anchor, jnp.log(size / own.anchor)]
    return RetinaRaw(
        tuple(levels_of(sure(labelled(targets)), 2)),
        tuple(levels_of(jnp.concatenate(deltas, axis=-1), 2)),
    )


def all_levels(**cuts: tuple[int, int]) -> Callable[[Levels], Any]:
    """Outputs by name, from channels to channels, of all levels."""
    return lambda levels: {
        name: tuple(x[..., low:high] for x in levels)
        for name, (low, high) in cuts.items()
    }


def finest(**cuts: tuple[int, int]) -> Callable[[Levels], Any]:
    return lambda levels: all_levels(**cuts)(levels[:1])


def perfect_detr(targets: Targets) -> DetrRaw:
    """A query for each object; the others say that there is nothing."""
    n = targets.objects.shape[1]
    found = jnp.pad(targets.objects, [(0, 0), (0, QUERIES - n)])[..., None]
    label = jnp.pad(targets.boxes.label, [(0, 0), (0, QUERIES - n)])
    box = jnp.concatenate(centre_and_size(targets.boxes.xyxy / 32), axis=-1)
    box = jnp.pad(box, [(0, 0), (0, QUERIES - n), (0, 0)])
    logits = sure(found.astype(jnp.float32) * jax.nn.one_hot(label, 3))
    return DetrRaw(perfect_end_to_end(targets).one, (logits,), (box,))


def both_corners(levels: Levels) -> Any:
    x = levels[0]
    return {
        "heat": (x[..., :3], x[..., 6:9]),
        "embedding": (x[..., 3:4], x[..., 9:10]),
        "offset": (x[..., 4:6], x[..., 10:]),
    }


def unlikely(levels: Levels) -> Any:
    """Scores that begin low, as those of towers do."""
    found = all_levels(logits=(0, 3), distance=(3, 7))(levels)
    return {**found, "logits": tuple(x - 4.0 for x in found["logits"])}


HEADS: Mapping[str, HeadCase] = {
    "fcos": case_of(
        lambda net: fcos(
            net, classes=3, strides=STRIDES, matching=by_size(ranges=(8.0,))
        ),
        8,
        all_levels(logits=(0, 3), distance=(3, 7), centerness=(7, 8)),
        perfect_fcos,
    ),
    "by_branch": case_of(
        lambda net: by_branch(
            fcos(net, classes=3, strides=(8,), matching=by_size(ranges=())),
            ranges=((0.0, 14.0), (11.0, math.inf)),
            scales=(2, 1),
        ),
        8,
        all_levels(logits=(0, 3), distance=(3, 7), centerness=(7, 8)),
        perfect_branches,
    ),
    "centernet": case_of(
        lambda net: centernet(net, classes=3, stride=4),
        7,
        finest(heat=(0, 3), offset=(3, 5), size=(5, 7)),
        perfect_centernet,
    ),
    "cornernet": case_of(
        lambda net: cornernet(net, classes=3, stride=4),
        12,
        both_corners,
        perfect_cornernet,
    ),
    "end_to_end": case_of(
        lambda net: end_to_end(net, net, classes=3, strides=STRIDES),
        7,
        unlikely,
        perfect_end_to_end,
    ),
    "detr": case_of(
        lambda net: detr(
            net,
            nn.QueryDecoder(classes=3, width=32, layers=1),
            classes=3,
            strides=STRIDES,
            queries=QUERIES,
        ),
        7,
        unlikely,
        perfect_detr,
    ),
    "retina": case_of(
        lambda net: retina(net, classes=3, strides=STRIDES, anchors=ANCHORS),
        14,
        all_levels(logits=(0, 6), deltas=(6, 14)),
        perfect_retina,
    ),
    "yolo_v1": case_of(
        lambda net: yolo_v1(net, classes=3, stride=4),
        13,
        lambda levels: levels[:1],
        perfect_yolo_v1,
    ),
    "yolo_v2": case_of(
        lambda net: yolo_v2(net, classes=3, stride=8, anchors=ANCHORS[1]),
        16,
        lambda levels: levels[1:],
        perfect_yolo_v2,
    ),
    "yolo_v3": case_of(
        lambda net: yolo_v3(net, classes=3, strides=STRIDES, anchors=ANCHORS),
        16,
        list,
        perfect_yolo_v3,
    ),
}
