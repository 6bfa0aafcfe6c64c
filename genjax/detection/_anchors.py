"""Anchors: prior sizes of boxes, and what heads with anchors share."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import flat, grid, sizes_of, smallest
from genjax.detection._iou import pairwise_iou
from genjax.errors import InputError
from genjax.typing import Array, Float, Key

Anchors = Sequence[Sequence[tuple[float, float]]]
"""Widths and heights in pixels, level by level, the finest first."""
MOST_LOG = 8.0
"""Sizes are taken within e^8 of their anchors', so that none overflows."""


def shape_iou(a: Float[Array, "n 2"], b: Float[Array, "m 2"]) -> Float[Array, "n m"]:
    """Intersection over union of widths and heights, as of boxes of one centre.

    Args:
        a: widths and heights.
        b: others.

    Source: Redmon and Farhadi, 2017, arXiv:1612.08242.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import shape_iou
    >>> shape_iou(jnp.array([[2.0, 4.0]]), jnp.array([[4.0, 4.0]])).tolist()
    [[0.5]]
    """
    return pairwise_iou(*(around(jnp.zeros_like(size), size) for size in (a, b)))


def anchor_sizes(
    key: Key, sizes: Float[Array, "n 2"], *, k: int, starts: int = 8, steps: int = 20
) -> Float[Array, "k 2"]:
    """Prior sizes of boxes, by clustering with the distance 1 - IoU.

    Each box goes to the centre that it overlaps most; centres move to the medians of
    their widths and heights. Of several random starts the best is returned.

    Args:
        key: of the starts.
        sizes: widths and heights of the boxes of a training set, in pixels of the
            images that the detector sees.
        k: how many.
        starts: tried.
        steps: of each.

    Returns:
        Widths and heights by ascending area. `shape_iou(sizes, anchors).max(axis=1)
        .mean()` says how well they fit.

    Raises:
        InputError: there are fewer boxes than `k`.

    Source: Redmon and Farhadi, 2017, arXiv:1612.08242.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import anchor_sizes
    >>> sizes = jnp.array([[2.0, 2.0], [2.0, 3.0], [2.0, 2.0], [8.0, 9.0]])
    >>> anchor_sizes(jax.random.key(0), sizes, k=2).tolist()
    [[2.0, 2.0], [8.0, 9.0]]
    """
    if not 1 <= k <= len(sizes):
        raise InputError(
            f"anchor_sizes: k must be from 1 to the number of boxes, {len(sizes)}, "
            f"got {k}."
        )

    def move(centres: Array, _: None) -> tuple[Array, None]:
        nearest = jnp.argmax(shape_iou(sizes, centres), axis=1)
        own = nearest[:, None] == jnp.arange(k)[None]
        members = jnp.where(own[..., None], sizes[:, None], jnp.nan)
        medians = jnp.nanmedian(members, axis=0)
        return jnp.where(jnp.isnan(medians), centres, medians), None

    def cluster(key: Key) -> tuple[Array, Array]:
        first = jax.random.choice(key, sizes, (k,), replace=False)
        centres, _ = jax.lax.scan(move, first, length=steps)
        return centres, jnp.mean(jnp.max(shape_iou(sizes, centres), axis=1))

    centres, fit = jax.lax.map(jax.jit(cluster), jax.random.split(key, starts))
    best = centres[jnp.argmax(fit)]
    return best[jnp.argsort(jnp.prod(best, axis=1))]


def best_anchors(
    boxes: Boxes,
    *,
    sizes: Sequence[tuple[int, int]],
    strides: Sequence[int],
    anchors: Anchors,
) -> tuple[Array, Array]:
    """Each object goes to the anchor of nearest shape, in the cell of its centre."""
    centre, size = centre_and_size(boxes.xyxy)
    own = jnp.asarray([anchor for level in anchors for anchor in level], jnp.float32)
    best = jnp.argmax(shape_iou(size, own), axis=1)
    good, first = [], 0
    for (height, width), stride, level in zip(sizes, strides, anchors, strict=True):
        x, y = jnp.floor(centre.T / stride)
        limits = jnp.clip(x, 0, width - 1), jnp.clip(y, 0, height - 1)
        cell = (limits[1] * width + limits[0]).astype(jnp.int32)
        place = cell * len(level) + best - first
        here = (best >= first) & (best < first + len(level))
        slots = jnp.arange(height * width * len(level))
        good.append((slots[:, None] == place[None]) & here[None])
        first += len(level)
    return smallest(jnp.concatenate(good), boxes)


class AnchorGrid:
    """The predictors of all levels: a cell and an anchor each.

    Attributes:
        corner: of the cell, in pixels, `[1, p, 2]`.
        stride: of the level, `[1, p, 1]`.
        anchor: width and height in pixels, `[1, p, 2]`.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]],
        strides: Sequence[int],
        anchors: Anchors,
    ) -> None:
        corners, own, steps = [], [], []
        levels = zip(grid(sizes, strides), strides, anchors, strict=True)
        for places, stride, level in levels:
            corners.append(jnp.repeat(places - stride / 2, len(level), axis=0))
            anchor = jnp.asarray(level, jnp.float32)
            own.append(jnp.tile(anchor, (len(places), 1)))
            steps.append(jnp.full((len(places) * len(level), 1), float(stride)))
        self.corner = jnp.concatenate(corners)[None]
        self.anchor, self.stride = (jnp.concatenate(x)[None] for x in (own, steps))

    @property
    def centre(self) -> Array:
        """The centre of each predictor's cell, `[p, 2]`."""
        return (self.corner + self.stride / 2)[0]

    def boxes(self, raw: Float[Array, "b p c"]) -> Float[Array, "b p 4"]:
        """The predicted boxes: `corner + stride sigmoid(t_xy)`, `anchor exp(t_wh)`."""
        centre = self.corner + self.stride * jax.nn.sigmoid(raw[..., :2])
        size = self.anchor * jnp.exp(jnp.clip(raw[..., 2:4], -MOST_LOG, MOST_LOG))
        return around(centre, size)

    def of_boxes(self, xyxy: Float[Array, "b p 4"]) -> tuple[Array, Array]:
        """What a predictor should say of a box: its place in the cell, and `t_wh`."""
        centre, size = centre_and_size(xyxy)
        return (centre - self.corner) / self.stride, jnp.log(size / self.anchor)


def rows_of(
    user: str, raw: Sequence[Array], anchors: Anchors, classes: int
) -> Float[Array, "b p c"]:
    """The predictions of every anchor: four of the box, the object's, the classes'.

    Raises:
        InputError: the network has another number of levels or of outputs.
    """
    wanted = [len(level) * (5 + classes) for level in anchors]
    found = [level.shape[-1] for level in raw]
    if wanted != found:
        raise InputError(
            f"{user}: the levels must have {wanted} channels, {5 + classes} for each "
            f"anchor, got {found}."
        )
    pairs = zip(raw, anchors, strict=True)
    return jnp.concatenate([flat([x], len(level)) for x, level in pairs], axis=1)


def grid_of(
    raw: Sequence[Array], strides: Sequence[int], anchors: Anchors
) -> AnchorGrid:
    """The predictors of raw levels."""
    return AnchorGrid(sizes_of(raw), strides, anchors)


def check_anchors(user: str, anchors: Anchors, levels: int) -> None:
    """Checks that every level has anchors, and that they have a size."""
    flat_sizes = [side for level in anchors for anchor in level for side in anchor]
    good = all(math.isfinite(side) and side > 0 for side in flat_sizes)
    if len(anchors) != levels or not all(anchors) or not good:
        raise InputError(
            f"{user}: anchors must be positive widths and heights in pixels for each "
            f"of {levels} levels, got {anchors}."
        )
