"""What dense heads share: places, targets, and the choice of the best detections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Network
from genjax.detection._boxes import Boxes, area
from genjax.detection._nms import nms
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int, Key, Variables

Match = Callable[[Boxes], tuple[Array, Array]]
"""From the boxes of one image to the row of each predictor's object `[p]`, and whether
it has one."""

Spread = Callable[[Array], Array]


class Targets(NamedTuple):
    """Which object each of the `p` predictors of all levels should find.

    What depends on the predictions (a responsible predictor, an ignore mask) is found
    by the loss, from `boxes`.

    Fields:
        index: the row of the object among `boxes`; meaningless where there is none.
        positive: whether a predictor has an object.
        ignored: whether only an object is learnt there, and not that there is none:
            where its cell meets a region to ignore.
        boxes: the ground truth, cut to the image, the smallest first, with a row of
            padding; padding is the box `(0, 0, 1, 1)`.
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
        return self.boxes.objects

    @property
    def places(self) -> Int[Array, "b n"]:
        """How many predictors learn each row of `boxes`."""
        rows = jnp.arange(self.boxes.valid.shape[1])[None]

        def count(index: Array, positive: Array) -> Array:
            return jnp.sum(positive[:, None] & (index[:, None] == rows), axis=0)

        return jax.vmap(count)(self.index, self.positive)


def returning(network: Network, make: Callable[[Any], Any]) -> Network:
    """The network, with its outputs in a form of one's own.

    Args:
        network: any.
        make: from its outputs to those that are wanted.
    """

    def train(variables: Variables, key: Key, *inputs: Any) -> tuple[Any, Variables]:
        outputs, changed = network.train(variables, key, *inputs)
        return make(outputs), changed

    return Network(network.init, lambda *given: make(network.apply(*given)), train)


class Grid:
    """The places of all levels of an image, the finest level first.

    Attributes:
        sizes: rows and columns of every level.
        image_size: height and width of the image, in pixels.
        levels: the places of every level, `[h w, 2]` as x and y in pixels.
        centre: all places, `[p, 2]`.
        side: of the cell of each place, in pixels, `[p]`.
    """

    def __init__(
        self, sizes: Sequence[tuple[int, int]], strides: Sequence[int]
    ) -> None:
        self.sizes = list(sizes)
        self.image_size = sizes[0][0] * strides[0], sizes[0][1] * strides[0]
        self.levels = [_places(*pair) for pair in zip(sizes, strides, strict=True)]
        self.centre = jnp.concatenate(self.levels)
        self.side = jnp.concatenate(
            [
                jnp.full(len(own), float(stride))
                for own, stride in zip(self.levels, strides, strict=True)
            ]
        )

    @property
    def corner(self) -> Float[Array, "p 2"]:
        """The upper left corner of the cell of each place."""
        return self.centre - self.side[:, None] / 2


def _places(size: tuple[int, int], stride: int) -> Array:
    x, y = ((jnp.arange(n, dtype=jnp.float32) + 0.5) * stride for n in size[::-1])
    return jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(-1, 2)


def grid_of_image(
    user: str, image_size: tuple[int, int], strides: Sequence[int]
) -> Grid:
    """The places of an image.

    Raises:
        InputError: a stride does not divide the image.
    """
    if any(side % stride for side in image_size for stride in strides):
        raise InputError(
            f"{user}: the strides {list(strides)} must divide the sides of the "
            f"image, got {image_size[0]} x {image_size[1]}."
        )
    return Grid([(image_size[0] // s, image_size[1] // s) for s in strides], strides)


def grid_of_levels(
    user: str,
    levels: Sequence[Array],
    strides: Sequence[int],
    *,
    channels: Sequence[int],
) -> Grid:
    """The places of levels `[b, h, w, c]`.

    Args:
        user: who asks, for the error's sentence.
        levels: outputs of a network.
        strides: of the levels, in pixels.
        channels: how many each level must have.

    Raises:
        InputError: there is another number of levels or of channels, or the levels are
            of images of different sizes.
    """
    shapes = [level.shape for level in levels]
    pairs = zip(shapes, strides, strict=False)
    images = {(shape[1] * stride, shape[2] * stride) for shape, stride in pairs}
    if [x[-1] for x in shapes] != list(channels) or len(images) != 1:
        raise InputError(
            f"{user}: the network must return levels of one image at the strides "
            f"{list(strides)}, with {list(channels)} channels, got {shapes}."
        )
    return Grid([(shape[1], shape[2]) for shape in shapes], strides)


def targets_by(
    match: Match, boxes: Boxes, grid: Grid, spread: Spread = lambda x: x
) -> Targets:
    """Matches image by image, with boxes cut to the image, in an order of their own.

    Args:
        match: of one image.
        boxes: the ground truth.
        grid: its places.
        spread: from values of the places to those of the predictors.
    """
    boxes = jax.tree.map(_with_padding, boxes)
    xyxy = cut_to_image(boxes.xyxy, grid.image_size)
    valid = boxes.valid & jnp.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1)
    # Padding may hold anything: what stands there must not reach a formula.
    unit = jnp.array([0.0, 0.0, 1.0, 1.0])[None, None]
    boxes = boxes._replace(
        xyxy=jnp.where(valid[..., None], xyxy, unit),
        label=jnp.where(valid, boxes.label, 0),
        valid=valid,
    )
    boxes = jax.vmap(_in_order)(boxes)
    index, positive = jax.vmap(match)(boxes)
    ignored = jax.vmap(lambda own: _in_ignored(grid, own))(boxes)
    return Targets(index, positive, jax.vmap(spread)(ignored), boxes)


def edges_of(image_size: tuple[int, int]) -> Float[Array, "4"]:
    """The greatest edges of boxes: width and height of the image, twice."""
    height, width = image_size
    return jnp.array([width, height] * 2, jnp.float32)


def cut_to_image(
    xyxy: Float[Array, "b n 4"], image_size: tuple[int, int]
) -> Float[Array, "b n 4"]:
    """What is seen of boxes that may reach beyond an image."""
    return jnp.clip(xyxy, 0.0, edges_of(image_size)[None, None])


def _in_order(boxes: Boxes) -> Boxes:
    """The smallest first, and all by a total order: whatever order they came in."""
    keys = (boxes.ignore, boxes.label, *boxes.xyxy.T, area(boxes.xyxy), ~boxes.valid)
    order = jnp.lexsort(keys)
    return jax.tree.map(lambda leaf: leaf[order], boxes)


def smallest(
    good: Bool[Array, "p n"], boxes: Boxes
) -> tuple[Int[Array, " p"], Bool[Array, " p"]]:
    """Of the objects that each predictor may have, the first, which is the smallest."""
    good = good & boxes.objects[None]
    return jnp.argmax(good, axis=1), jnp.any(good, axis=1)


def inside(
    places: Float[Array, "p 2"], xyxy: Float[Array, "n 4"]
) -> Bool[Array, "p n"]:
    """Whether each place lies in each box."""
    low = places[:, None] > xyxy[None, :, :2]
    high = places[:, None] < xyxy[None, :, 2:]
    return jnp.all(low & high, axis=-1)


def cells_of(
    points: Float[Array, "n 2"], size: tuple[int, int], stride: int
) -> Float[Array, "n 2"]:
    """Column and row of the place that each point lies in; the last, at the end."""
    last = jnp.array([size[1] - 1, size[0] - 1], jnp.float32)
    return jnp.clip(jnp.floor(points / stride), 0, last[None])


def holds(grid: Grid, points: Float[Array, "n 2"]) -> Bool[Array, "p n"]:
    """Whether the cell of each place, of a grid of one level, is that of each point."""
    (size,), stride = grid.sizes, grid.image_size[0] // grid.sizes[0][0]
    own = grid.corner[:, None] / stride
    return jnp.all(cells_of(points, size, stride)[None] == own, axis=-1)


def _in_ignored(grid: Grid, boxes: Boxes) -> Bool[Array, " p"]:
    """Whether the cell of each place meets a region to ignore."""
    corner = grid.corner[:, None]
    low = corner < boxes.xyxy[None, :, 2:]
    high = corner + grid.side[:, None, None] > boxes.xyxy[None, :, :2]
    meets = jnp.all(low & high, axis=-1)
    return jnp.any(meets & (boxes.valid & boxes.ignore)[None], axis=1)


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


def boxes_of_distances(
    levels: Sequence[Array], grid: Grid, strides: Sequence[int]
) -> Float[Array, "b p 4"]:
    """The boxes around all places whose edges are at the distances that levels tell."""
    return around_places(grid.centre[None], bounded_distances(levels, strides))


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
    edges = edges_of(image_size)

    def of_image(score: Array, xyxy: Array) -> Boxes:
        classes = score.shape[1]
        count = min(selection.candidates, score.size)
        best, index = jax.lax.top_k(score.reshape(-1), count)
        label = index % classes
        boxes = jnp.clip(xyxy[index // classes], 0.0, edges[None])
        keep = (best > selection.score_threshold) & (area(boxes) > 0)
        if selection.iou_threshold is not None:
            threshold = selection.iou_threshold
            keep = nms(boxes, best, keep, iou_threshold=threshold, label=label)
        return best_boxes(boxes, label, best, keep, most=selection.detections)

    return jax.vmap(of_image)(score, xyxy)


def best_boxes(
    xyxy: Float[Array, "n 4"],
    label: Int[Array, " n"],
    score: Float[Array, " n"],
    keep: Bool[Array, " n"],
    *,
    most: int,
) -> Boxes:
    """The best of the boxes of an image that are kept, best first, and padding."""
    kept, order = jax.lax.top_k(jnp.where(keep, score, -1.0), min(most, len(score)))
    valid = kept >= 0
    none = jnp.zeros_like(valid)
    return Boxes(xyxy[order], label[order], valid, jnp.where(valid, kept, 0.0), none)
