"""Anchors: prior sizes of boxes, and what heads with anchors share."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genjax.arrays import as_float
from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import Grid, cells_of, flat, smallest
from genjax.detection._iou import pairwise_iou
from genjax.errors import InputError
from genjax.typing import Array, Float, Key, Num

Anchors = Sequence[Sequence[Sequence[float]]]
"""Widths and heights in pixels, level by level, the finest first.

Those of `densified` have a third and a fourth number: by how much their centres are to
the right of those of their places, and below them.
"""
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
    key: Key, sizes: Num[Array, "n 2"], *, k: int, starts: int = 24, steps: int = 20
) -> Float[Array, "k 2"]:
    """Prior sizes of boxes, by clustering with the distance 1 - IoU.

    Each box goes to the centre that it overlaps most; centres move to the medians of
    their widths and heights. Starts are drawn one after another, the less a box
    overlaps those before it the likelier; of several, the best is returned.

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
        InputError: there are fewer boxes than `k`, or a size is not positive.

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
    sizes = as_float(sizes)
    if not isinstance(sizes, jax.core.Tracer) and not bool(jnp.all(sizes > 0)):
        raise InputError("anchor_sizes: sizes must be positive.")

    def move(centres: Array, _: None) -> tuple[Array, None]:
        nearest = jnp.argmax(shape_iou(sizes, centres), axis=1)
        own = nearest[:, None] == jnp.arange(k)[None]
        members = jnp.where(own[..., None], sizes[:, None], jnp.nan)
        medians = jnp.nanmedian(members, axis=0)
        return jnp.where(jnp.isnan(medians), centres, medians), None

    def seed(i: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        centres, key = state
        key, own = jax.random.split(key)
        known = jnp.arange(k)[None] < i
        near = jnp.max(jnp.where(known, shape_iou(sizes, centres), 0.0), axis=1)
        # What no centre is like comes next, and like ones hardly ever.
        row = jax.random.categorical(own, jnp.log(jnp.maximum(1 - near, 1e-6)))
        return centres.at[i].set(sizes[row]), key

    def cluster(key: Key) -> tuple[Array, Array]:
        start = jnp.ones((k, 2), sizes.dtype), key
        first, _ = jax.lax.fori_loop(0, k, seed, start)
        centres, _ = jax.lax.scan(move, first, length=steps)
        return centres, jnp.mean(jnp.max(shape_iou(sizes, centres), axis=1))

    centres, fit = jax.lax.map(jax.jit(cluster), jax.random.split(key, starts))
    best = centres[jnp.argmax(fit)]
    return best[jnp.argsort(jnp.prod(best, axis=1))]


def densified(
    anchors: Anchors, *, strides: Sequence[int], density: float = 4.0
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Several anchors in the place of one that is small beside its stride.

    An anchor of side a on a level of stride s becomes n x n of its kind, evenly spread
    over the cell, so that as many overlap an object as of large anchors:

        n = ceil(density s / a)

    Args:
        anchors: widths and heights in pixels, level by level; the side is the root of
            the area.
        strides: of the levels, in pixels.
        density: how many anchors follow one another within the side of one.

    Returns:
        Anchors for `retina`. Levels with different numbers of them need a tower with as
            many outputs on each.

    Raises:
        InputError: an anchor has no size, a stride or the density is not positive, or
            there are other numbers of levels.

    Source: Zhang, Zhu, Lei, Shi, Wang and Li, 2017, arXiv:1708.05234.

    >>> from genjax.detection import densified
    >>> densified([[(8.0, 8.0)]], strides=(8,), density=2.0)
    (((8.0, 8.0, -2.0, -2.0), (8.0, 8.0, 2.0, -2.0), (8.0, 8.0, -2.0, 2.0), \
(8.0, 8.0, 2.0, 2.0)),)
    """
    if not isinstance(strides, Sequence):
        raise InputError(
            f"densified: strides must be those of all levels, got {strides}."
        )
    check_anchors("densified", anchors, len(strides))
    if not density > 0 or not all(stride > 0 for stride in strides):
        raise InputError(
            "densified: strides and density must be positive, got "
            f"{list(strides)} and {density}."
        )

    def spread(width: float, height: float, stride: int) -> list[tuple[float, ...]]:
        # Sides of other shapes than squares are rounded roots.
        wanted = density * stride / math.sqrt(width * height)
        n = max(math.ceil(wanted - 1e-6), 1)
        places = [((i + 0.5) / n - 0.5) * stride for i in range(n)]
        return [(width, height, x, y) for y in places for x in places]

    return tuple(
        tuple(own for width, height in level for own in spread(width, height, stride))
        for level, stride in zip(anchors, strides, strict=True)
    )


def best_anchors(boxes: Boxes, *, grid: Grid, anchors: Anchors) -> tuple[Array, Array]:
    """Each object goes to the anchor of nearest shape, in the cell of its centre."""
    centre, size = centre_and_size(boxes.xyxy)
    own = jnp.asarray([anchor for level in anchors for anchor in level], jnp.float32)
    best = jnp.argmax(shape_iou(size, own), axis=1)
    good, first = [], 0
    for (height, width), places, level in zip(
        grid.sizes, grid.levels, anchors, strict=True
    ):
        stride = grid.image_size[0] // height
        x, y = cells_of(centre, (height, width), stride).T
        cell = (y * width + x).astype(jnp.int32)
        place = cell * len(level) + best - first
        here = (best >= first) & (best < first + len(level))
        slots = jnp.arange(len(places) * len(level))
        good.append((slots[:, None] == place[None]) & here[None])
        first += len(level)
    return smallest(jnp.concatenate(good), boxes)


class AnchorGrid:
    """The predictors of all levels: a place and an anchor each.

    Attributes:
        corner: of the cell, in pixels, `[1, p, 2]`.
        centre: of the cell, or where else the anchor has its own, `[1, p, 2]`.
        stride: of the level, `[1, p, 1]`.
        anchor: width and height in pixels, `[1, p, 2]`.
    """

    def __init__(self, grid: Grid, anchors: Anchors) -> None:
        levels = list(zip(grid.levels, anchors, strict=True))
        own = [
            jnp.tile(
                jnp.asarray([(*anchor, 0.0, 0.0)[:4] for anchor in level], jnp.float32),
                (len(places), 1),
            )
            for places, level in levels
        ]
        self.anchor, offset = jnp.split(jnp.concatenate(own)[None], 2, axis=-1)
        rows = [np.full(len(places), len(level)) for places, level in levels]
        self._place = np.repeat(np.arange(len(grid.centre)), np.concatenate(rows))
        self.corner = self.of_places(grid.corner)[None]
        self.centre = self.of_places(grid.centre)[None] + offset
        self.stride = self.of_places(grid.side[:, None])[None]

    def of_places(self, values: Array) -> Array:
        """Values of the places as those of the predictors."""
        return values[self._place]

    def boxes(self, raw: Float[Array, "b p c"]) -> Float[Array, "b p 4"]:
        """The predicted boxes: `corner + stride sigmoid(t_xy)`, `anchor exp(t_wh)`."""
        centre = self.corner + self.stride * jax.nn.sigmoid(raw[..., :2])
        size = self.anchor * jnp.exp(jnp.clip(raw[..., 2:4], -MOST_LOG, MOST_LOG))
        return around(centre, size)

    def of_boxes(self, xyxy: Float[Array, "b p 4"]) -> tuple[Array, Array]:
        """What a predictor should say of a box: its place in the cell, and `t_wh`."""
        centre, size = centre_and_size(xyxy)
        return (centre - self.corner) / self.stride, jnp.log(size / self.anchor)


def rows_of(levels: Sequence[Array], anchors: Anchors) -> Float[Array, "b p c"]:
    """The predictions of every anchor."""
    pairs = zip(levels, anchors, strict=True)
    return jnp.concatenate([flat([x], len(level)) for x, level in pairs], axis=1)


def check_anchors(
    user: str, anchors: Anchors, levels: int, *, lengths: tuple[int, ...] = (2,)
) -> None:
    """Checks that every level has anchors, and that they have a size.

    Args:
        user: who asks, for the error's sentence.
        anchors: level by level.
        levels: how many there must be.
        lengths: how many numbers an anchor may have.

    Raises:
        InputError: they are not of this form.
    """
    every = [anchor for level in anchors for anchor in level]
    good = all(
        len(anchor) in lengths
        and min(anchor[:2]) > 0
        and all(map(math.isfinite, anchor))
        for anchor in every
    )
    if len(anchors) != levels or not all(anchors) or not good:
        raise InputError(
            f"{user}: anchors must be positive widths and heights in pixels for each "
            f"of {levels} levels, got {anchors}."
        )
