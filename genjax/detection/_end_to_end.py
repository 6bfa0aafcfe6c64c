"""A dense head without suppression: one prediction for each object, learnt beside many.

Sources: Wang et al., 2024, arXiv:2405.14458; Feng et al., 2021, arXiv:2108.07755.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Head, Network, NetworkLike
from genjax.detection._boxes import Boxes
from genjax.detection._dense import (
    PEAKS,
    Selection,
    Targets,
    boxes_of_distances,
    check_classes,
    detections,
    flat,
    grid_of_image,
    grid_of_levels,
    known_labels,
    returning,
    smallest,
    targets_by,
)
from genjax.detection._iou import giou, pairwise_iou
from genjax.detection._losses import entropy, quality_focal_loss
from genjax.detection._matching import inside_or_nearest, task_aligned
from genjax.nn.adapters import as_network
from genjax.typing import Array, Features, Key, Variables
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
    loss, in the branch `one` by the cross-entropy, which leaves fewer duplicates, and
    boxes `1 - GIoU`. Detections are those of `one`. Both move the features
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
            return smallest(inside_or_nearest(own, grid), own)

        return targets_by(match, boxes, grid)

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        learn = partial(
            branch_loss,
            targets=targets,
            strides=strides,
            classes=classes,
            alpha=alpha,
            beta=beta,
        )
        sums, counts = learn(raw.many, places=places)
        other_sums, other_counts = learn(raw.one, places=1, score_loss=entropy)
        sums |= {f"{name}_one": value for name, value in other_sums.items()}
        counts |= {f"{name}_one": value for name, value in other_counts.items()}
        return known_labels(sums, targets, classes), counts

    def decode(raw: Raw) -> Boxes:
        grid = grid_of_levels(
            "end_to_end", raw.one.logits, strides, channels=[classes] * len(strides)
        )
        xyxy = boxes_of_distances(raw.one.distance, grid, strides)
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


def branch_loss(
    branch: Branch,
    *,
    targets: Targets,
    strides: Sequence[int],
    classes: int,
    places: int,
    alpha: float = 0.5,
    beta: float = 6.0,
    score_loss: Callable[[Array, Array], Array] = quality_focal_loss,
    user: str = "end_to_end",
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The losses of a branch whose places are shared out by `task_aligned`."""
    logits = flat(branch.logits)
    grid = grid_of_levels(
        user, branch.logits, strides, channels=[classes] * len(strides)
    )
    xyxy = boxes_of_distances(branch.distance, grid, strides)

    def choose(boxes: Boxes, logits: Array, xyxy: Array) -> tuple[Array, Array, Array]:
        score = jax.nn.sigmoid(logits)[:, jnp.clip(boxes.label, 0, classes - 1)]
        objects = boxes.objects[None]
        candidates = inside_or_nearest(boxes, grid) & objects
        overlap = pairwise_iou(xyxy, boxes.xyxy)
        return task_aligned(
            score, overlap, candidates, places=places, alpha=alpha, beta=beta
        )

    chosen = jax.vmap(choose)(targets.boxes, logits, xyxy)
    index, positive, target = jax.lax.stop_gradient(chosen)
    own = targets._replace(index=index, positive=positive)
    one_hot = jax.nn.one_hot(own.label, classes) * target[..., None]
    wrong = score_loss(logits, one_hot)
    wrong = jnp.where(own.learnt[..., None], wrong, 0.0)
    overlap = giou(xyxy, own.xyxy)
    positive = positive.astype(jnp.float32)
    sums = {
        "classification": jnp.sum(wrong),
        "box": jnp.sum(positive * (1 - overlap)),
    }
    return sums, dict.fromkeys(sums, jnp.sum(positive))
