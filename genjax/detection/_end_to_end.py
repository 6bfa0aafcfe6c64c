"""A dense head without suppression: one prediction for each object, learnt beside many.

Sources: Wang et al., 2024, arXiv:2405.14458; Feng et al., 2021, arXiv:2108.07755.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Head, Network, NetworkLike
from genjax.detection._boxes import Boxes, centre_and_size
from genjax.detection._dense import (
    PEAKS,
    Grid,
    Selection,
    Targets,
    around_places,
    bounded_distances,
    check_classes,
    detections,
    flat,
    grid_of_image,
    grid_of_levels,
    inside,
    known_labels,
    returning,
    smallest,
    targets_by,
)
from genjax.detection._iou import giou, pairwise_iou
from genjax.detection._losses import quality_focal_loss
from genjax.nn.adapters import as_network
from genjax.typing import Array, Bool, Features, Float, Int, Key, Variables
from genjax.variables import join_changes, join_parts, part_of


class Branch(NamedTuple):
    """What one branch predicts, a tuple of levels each, the finest first.

    Fields:
        logits: of the classes, `[b, h, w, classes]`.
        distance: to the left, top, right and bottom edge, in strides, as logarithms,
            `[b, h, w, 4]`.
    """

    logits: tuple[Array, ...]
    distance: tuple[Array, ...]


class Raw(NamedTuple):
    """What the head predicts: many places for an object, and one."""

    many: Branch
    one: Branch


def end_to_end(
    many: NetworkLike,
    one: NetworkLike,
    *,
    classes: int,
    strides: Sequence[int],
    places: int = 10,
    alpha: float = 0.5,
    beta: float = 6.0,
    selection: Selection = PEAKS,
) -> Head:
    """A head whose detections need no suppression.

    Two branches see the same features. Each takes for an object the places inside its
    box that predict it best already,

        m = score^alpha IoU^beta,

    the branch `many` the best `places` of them, the branch `one` the best alone, by
    `task_aligned`. Scores learn the targets
    `t = m max(IoU) / max(m)`, maxima over the object's places, by the quality focal
    loss, and boxes `1 - GIoU`. Detections are those of `one`. Both move the features
    (the paper's `one` does not, which leaves small models with duplicates). An object
    whose box holds no place may have that of its centre.

    Args:
        many: `levels -> {"logits": ..., "distance": ...}`, as `genjax.nn.DenseTower`
            with the outputs `end_to_end_outputs(classes)`.
        one: a second one.
        classes: how many there are.
        strides: of the levels, in pixels, the finest first.
        places: for an object, of the branch `many`.
        alpha: of the score.
        beta: of the overlap.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `classification`, `box`, `classification_one` and `box_one`
        are sums, counted by the places of objects.

    Raises:
        InputError: there are no classes.

    Source: Wang et al., 2024, arXiv:2405.14458; Feng et al., 2021, arXiv:2108.07755.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import end_to_end, end_to_end_outputs
    >>> from genjax import nn
    >>> towers = [nn.DenseTower(outputs=end_to_end_outputs(3), width=4)] * 2
    >>> head = end_to_end(*towers, classes=3, strides=(4, 8))
    >>> levels = (jnp.ones((2, 8, 8, 4)), jnp.ones((2, 4, 4, 4)))
    >>> variables = head.init(jax.random.key(0), levels)
    >>> [y.shape for y in head.apply(variables, levels).one.logits]
    [(2, 8, 8, 3), (2, 4, 4, 3)]
    """
    check_classes("end_to_end", classes)
    inner = returning(_side_by_side(many, one), lambda pair: Raw(*pair))

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        grid = grid_of_image("end_to_end", image_size, strides)

        def match(own: Boxes) -> tuple[Array, Array]:
            return smallest(_candidates(own, grid), own)

        return targets_by(match, boxes, grid)

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        learn = partial(
            _loss,
            targets=targets,
            strides=strides,
            classes=classes,
            alpha=alpha,
            beta=beta,
        )
        sums, counts = learn(raw.many, places=places)
        other_sums, other_counts = learn(raw.one, places=1)
        sums |= {f"{name}_one": value for name, value in other_sums.items()}
        counts |= {f"{name}_one": value for name, value in other_counts.items()}
        return known_labels(sums, targets, classes), counts

    def decode(raw: Raw) -> Boxes:
        grid = grid_of_levels(
            "end_to_end", raw.one.logits, strides, channels=[classes] * len(strides)
        )
        distance = bounded_distances(raw.one.distance, strides)
        xyxy = around_places(grid.centre[None], distance)
        score = jax.nn.sigmoid(flat(raw.one.logits))
        return detections(score, xyxy, grid.image_size, selection)

    return Head(inner.init, inner.apply, inner.train, assign, loss, decode)


def _side_by_side(many: NetworkLike, one: NetworkLike) -> Network:
    """Both networks on the same features."""
    pair = [as_network(network, user="end_to_end") for network in (many, one)]
    names = Raw._fields

    def init(key: Key, *features: Features) -> Variables:
        starts = zip(names, pair, jax.random.split(key), strict=True)
        return join_parts({n: net.init(own, *features) for n, net, own in starts})

    def apply(variables: Variables, *features: Features) -> list[Branch]:
        own = [part_of(variables, name) for name in names]
        found = zip(pair, own, strict=True)
        return [Branch(**network.apply(part, *features)) for network, part in found]

    def train(
        variables: Variables, key: Key, *features: Features
    ) -> tuple[list[Branch], Variables]:
        branches, changed = [], {}
        for name, network, own in zip(names, pair, jax.random.split(key), strict=True):
            part = part_of(variables, name)
            raw, changed[name] = network.train(part, own, *features)
            branches.append(Branch(**raw))
        return branches, join_changes(changed)

    return Network(init, apply, train)


def end_to_end_outputs(classes: int) -> tuple[tuple[str, int], ...]:
    """Returns the outputs that the towers of `end_to_end` need.

    Source: Wang et al., 2024, arXiv:2405.14458.

    >>> from genjax.detection import end_to_end_outputs
    >>> end_to_end_outputs(3)
    (('logits', 3), ('distance', 4))
    """
    return (("logits", classes), ("distance", 4))


def _candidates(boxes: Boxes, grid: Grid) -> Bool[Array, "p n"]:
    """The places inside each box, or that of the finest level nearest to its centre."""
    within = inside(grid.centre, boxes.xyxy)
    centre, _ = centre_and_size(boxes.xyxy)
    distance = jnp.sum((grid.levels[0][:, None] - centre[None]) ** 2, axis=-1)
    rows = jnp.arange(len(grid.centre))[:, None]
    nearest = rows == jnp.argmin(distance, axis=0)[None]
    return within | (nearest & ~jnp.any(within, axis=0)[None])


def task_aligned(
    score: Float[Array, "p n"],
    overlap: Float[Array, "p n"],
    candidates: Bool[Array, "p n"],
    *,
    places: int,
    alpha: float = 0.5,
    beta: float = 6.0,
) -> tuple[Int[Array, " p"], Bool[Array, " p"], Float[Array, " p"]]:
    """Gives each object the places that predict it best already.

    First each object takes a place of its own, by the highest `m = score^alpha
    IoU^beta` of the pairs that are free. Then each takes its best `places` candidates;
    one that several want goes to the highest m.

    Args:
        score: of each place for each object's class.
        overlap: of each place's box with each object's.
        candidates: which places an object may take.
        places: for an object.
        alpha: of the score.
        beta: of the overlap.

    Returns:
        The object of each place, whether it has one, and the target of its score, `m
        max(IoU) / max(m)`, 0 where it has none.

    Source: Feng et al., 2021, arXiv:2108.07755.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import task_aligned
    >>> overlap = jnp.array([[0.8], [0.4], [0.0]])
    >>> _, has_one, target = task_aligned(
    ...     jnp.full((3, 1), 0.5), overlap, overlap > 0, places=1
    ... )
    >>> has_one.tolist(), target.round(3).tolist()
    ([True, False, False], [0.8, 0.0, 0.0])
    """
    aligned = score**alpha * overlap**beta
    # A candidate of no overlap is one still.
    metric = jnp.where(candidates, jnp.maximum(aligned, 1e-20), 0.0)
    own = _shared_out(metric)
    if places > 1:
        best, rows = jax.lax.top_k(metric.T, min(places, len(metric)))
        objects = jnp.arange(metric.shape[1])[:, None]
        taken = jnp.zeros(metric.T.shape, bool).at[objects, rows].set(best > 0).T
        free = jnp.where(taken & ~jnp.any(own, axis=1)[:, None], metric, 0.0)
        first = jax.nn.one_hot(jnp.argmax(free, axis=1), free.shape[1], dtype=bool)
        own = own | (first & (free > 0))
    highest = jnp.max(jnp.where(own, metric, 0.0), axis=0)
    reached = jnp.max(jnp.where(own, overlap, 0.0), axis=0)
    target = metric * (reached / jnp.maximum(highest, 1e-20))[None]
    target = jnp.sum(jnp.where(own, target, 0.0), axis=1)
    return jnp.argmax(own, axis=1), jnp.any(own, axis=1), target


def _shared_out(metric: Float[Array, "p n"]) -> Bool[Array, "p n"]:
    """One place an object, by the best pair of the free ones, again and again."""

    def take(_: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        free, own = state
        place, row = jnp.unravel_index(jnp.argmax(free), free.shape)
        own = own.at[place, row].set(own[place, row] | (free[place, row] > 0))
        return free.at[place].set(0.0).at[:, row].set(0.0), own

    start = metric, jnp.zeros(metric.shape, bool)
    return jax.lax.fori_loop(0, metric.shape[1], take, start)[1]


def _loss(
    branch: Branch,
    *,
    targets: Targets,
    strides: Sequence[int],
    classes: int,
    places: int,
    alpha: float,
    beta: float,
) -> tuple[dict[str, Array], dict[str, Array]]:
    logits = flat(branch.logits)
    grid = grid_of_levels(
        "end_to_end", branch.logits, strides, channels=[classes] * len(strides)
    )
    distance = bounded_distances(branch.distance, strides)
    xyxy = around_places(grid.centre[None], distance)

    def choose(boxes: Boxes, logits: Array, xyxy: Array) -> tuple[Array, Array, Array]:
        score = jax.nn.sigmoid(logits)[:, jnp.clip(boxes.label, 0, classes - 1)]
        objects = boxes.objects[None]
        candidates = _candidates(boxes, grid) & objects
        overlap = pairwise_iou(xyxy, boxes.xyxy)
        return task_aligned(
            score, overlap, candidates, places=places, alpha=alpha, beta=beta
        )

    chosen = jax.vmap(choose)(targets.boxes, logits, xyxy)
    index, positive, target = jax.lax.stop_gradient(chosen)
    own = targets._replace(index=index, positive=positive)
    one_hot = jax.nn.one_hot(own.label, classes) * target[..., None]
    wrong = quality_focal_loss(logits, one_hot)
    wrong = jnp.where(own.learnt[..., None], wrong, 0.0)
    overlap = giou(xyxy, own.xyxy)
    positive = positive.astype(jnp.float32)
    sums = {
        "classification": jnp.sum(wrong),
        "box": jnp.sum(positive * (1 - overlap)),
    }
    return sums, dict.fromkeys(sums, jnp.sum(positive))
