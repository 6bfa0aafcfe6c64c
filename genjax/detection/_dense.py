"""What dense heads share: places, targets, and the choice of the best detections."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.detection._boxes import Boxes, area
from genjax.detection._nms import nms
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int

Match = Callable[[Boxes], tuple[Array, Array]]
"""From the boxes of one image to the row of each predictor's object `[p]`, and whether
it has one."""


class Targets(NamedTuple):
    """Which object each of the `p` predictors of all levels should find.

    What depends on the predictions (a responsible predictor, an ignore mask) is found
    by the loss, from `boxes`.

    Fields:
        index: the row of the object among `boxes`; meaningless where there is none.
        positive: whether a predictor has an object.
        ignored: whether it lies in a region to ignore, where only objects are learnt.
        boxes: the ground truth, with a row of padding; padding is the box `(0, 0, 1,
            1)`.
    """

    index: Int[Array, "b p"]
    positive: Bool[Array, "b p"]
    ignored: Bool[Array, "b p"]
    boxes: Boxes

    @property
    def xyxy(self) -> Float[Array, "b p 4"]:
        """The box of each predictor's object."""
        return jnp.take_along_axis(self.boxes.xyxy, self.index[..., None], axis=1)

    @property
    def label(self) -> Int[Array, "b p"]:
        """The class of each predictor's object."""
        return jnp.take_along_axis(self.boxes.label, self.index, axis=1)

    @property
    def learnt(self) -> Bool[Array, "b p"]:
        """Which predictors learn something: an object, or that there is none."""
        return self.positive | ~self.ignored

    @property
    def objects(self) -> Bool[Array, "b n"]:
        """Which rows of `boxes` are objects to find."""
        return self.boxes.valid & ~self.boxes.ignore


def targets_by(match: Match, boxes: Boxes, places: Float[Array, "p 2"]) -> Targets:
    """Matches image by image; predictors at `places` in ignored regions are let be."""
    boxes = jax.tree.map(_with_padding, boxes)
    # Padding may hold anything: what stands there must not reach a formula.
    unit = jnp.array([0.0, 0.0, 1.0, 1.0])[None, None]
    boxes = boxes._replace(
        xyxy=jnp.where(boxes.valid[..., None], boxes.xyxy, unit),
        label=jnp.where(boxes.valid, boxes.label, 0),
    )
    index, positive = jax.vmap(match)(boxes)
    ignored = jax.vmap(lambda own: _in_ignored(places, own))(boxes)
    return Targets(index, positive, ignored, boxes)


def smallest(
    good: Bool[Array, "p n"], boxes: Boxes
) -> tuple[Int[Array, " p"], Bool[Array, " p"]]:
    """Of the objects that each predictor may have, the smallest: in any order one."""
    good = good & (boxes.valid & ~boxes.ignore)[None]
    cost = jnp.where(good, area(boxes.xyxy)[None], jnp.inf)
    return jnp.argmin(cost, axis=1), jnp.any(good, axis=1)


def inside(
    places: Float[Array, "p 2"], xyxy: Float[Array, "n 4"]
) -> Bool[Array, "p n"]:
    """Whether each place lies in each box."""
    low = places[:, None] > xyxy[None, :, :2]
    high = places[:, None] < xyxy[None, :, 2:]
    return jnp.all(low & high, axis=-1)


def _in_ignored(places: Array, boxes: Boxes) -> Array:
    ignored = (boxes.valid & boxes.ignore)[None]
    return jnp.any(inside(places, boxes.xyxy) & ignored, axis=1)


def _with_padding(leaf: Array) -> Array:
    """One row more, so that there is always one to choose."""
    return jnp.pad(leaf, [(0, 0), (0, 1)] + [(0, 0)] * (leaf.ndim - 2))


def check_classes(user: str, classes: int) -> None:
    """Checks that there are classes."""
    if classes < 1:
        raise InputError(f"{user}: classes must be at least 1, got {classes}.")


def known_labels(
    sums: Mapping[str, Array], targets: Targets, classes: int
) -> dict[str, Array]:
    """The sums, or NaN where an object's label is no class: it must not be learnt."""
    label = targets.boxes.label
    wrong = targets.objects & ((label < 0) | (label >= classes))
    return {k: jnp.where(jnp.any(wrong), jnp.nan, value) for k, value in sums.items()}


def level_sizes(
    user: str, image_size: tuple[int, int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Rows and columns of every level.

    Raises:
        InputError: a stride does not divide the image.
    """
    if any(side % stride for side in image_size for stride in strides):
        raise InputError(
            f"{user}: the strides {list(strides)} must divide the sides of the "
            f"image, got {image_size[0]} x {image_size[1]}."
        )
    return [(image_size[0] // s, image_size[1] // s) for s in strides]


def sizes_of(levels: Sequence[Array]) -> list[tuple[int, int]]:
    """Rows and columns of levels `[b, h, w, c]`."""
    return [(level.shape[1], level.shape[2]) for level in levels]


def grid(sizes: Sequence[tuple[int, int]], strides: Sequence[int]) -> list[Array]:
    """The places of every level, `[h w, 2]` as x and y in pixels."""
    grids = []
    for (height, width), stride in zip(sizes, strides, strict=True):
        x = (jnp.arange(width, dtype=jnp.float32) + 0.5) * stride
        y = (jnp.arange(height, dtype=jnp.float32) + 0.5) * stride
        grids.append(jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(-1, 2))
    return grids


def flat(levels: Sequence[Array], per_place: int = 1) -> Float[Array, "b p c"]:
    """Joins levels `[b, h, w, a c]` of a predictors a place to `[b, p, c]`, float32."""
    rows = [
        x.reshape(len(x), -1, x.shape[-1] // per_place).astype(jnp.float32)
        for x in levels
    ]
    return jnp.concatenate(rows, axis=1)


def around_places(
    places: Float[Array, "#b #p 2"], distance: Float[Array, "b p 4"]
) -> Float[Array, "b p 4"]:
    """The boxes whose edges are at distances from places."""
    return jnp.concatenate(
        [places - distance[..., :2], places + distance[..., 2:]], axis=-1
    )


def bounded_distances(
    levels: Sequence[Array], strides: Sequence[int]
) -> Float[Array, "b p 4"]:
    """Distances in pixels from logarithms in strides, positive and bounded."""
    scaled = [
        jnp.exp(8 * jnp.tanh(level.astype(jnp.float32) / 8)) * stride
        for level, stride in zip(levels, strides, strict=True)
    ]
    return flat(scaled)


class Selection(NamedTuple):
    """Which predictions become detections.

    Fields:
        score_threshold: detections below are dropped.
        iou_threshold: of the suppression, class by class; None for none.
        candidates: the best predictions of an image that enter the suppression.
        detections: the most boxes of an image.
    """

    score_threshold: float = 0.05
    iou_threshold: float | None = 0.5
    candidates: int = 256
    detections: int = 100


SUPPRESSED = Selection()
"""By greedy suppression, class by class."""
PEAKS = Selection(iou_threshold=None)
"""Where no two predictions are of one object."""


def detections(
    score: Float[Array, "b p classes"],
    xyxy: Float[Array, "b p 4"],
    image_size: tuple[int, int],
    selection: Selection,
) -> Boxes:
    """The best boxes of every image, best first, cut to the image and padded."""
    edges = jnp.array([image_size[1], image_size[0]] * 2, jnp.float32)

    def of_image(score: Array, xyxy: Array) -> Boxes:
        classes = score.shape[1]
        count = min(selection.candidates, score.size)
        best, index = jax.lax.top_k(score.reshape(-1), count)
        label = index % classes
        boxes = jnp.clip(xyxy[index // classes], 0.0, edges[None])
        keep = best > selection.score_threshold
        if selection.iou_threshold is not None:
            threshold = selection.iou_threshold
            keep = nms(boxes, best, keep, iou_threshold=threshold, label=label)
        kept = jnp.where(keep, best, -1.0)
        kept, order = jax.lax.top_k(kept, min(selection.detections, count))
        valid = kept >= 0
        none = jnp.zeros_like(valid)
        return Boxes(
            boxes[order], label[order], valid, jnp.where(valid, kept, 0.0), none
        )

    return jax.vmap(of_image)(score, xyxy)
