"""Which places learn which object, from what the places see."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection._boxes import Boxes, centre_and_size
from genjax.detection._dense import Grid
from genjax.detection._matching import Matching, check_grid, marked
from genjax.errors import InputError
from genjax.receptive_field import effective
from genjax.typing import Array, Float

AnyMatching = Callable[[Boxes, Any], tuple[Array, Array]]
"""Of places or of anchors."""


def field_widths(
    network: Callable[[Any, Array], Sequence[Array]],
    variables: Any,
    images: Float[Array, "n h w c"],
) -> tuple[float, ...]:
    """The widths of the effective fields of a network's levels, for `by_field`.

    That of the unit in the middle of each level, by `genjax.receptive_field.effective`.

    Args:
        network: `(variables, images) -> levels`, all that comes before a head.
        variables: of a network that has learnt: residual branches that begin at zero
            see nothing at first.
        images: to take gradients at.

    Returns:
        In pixels, level by level.

    Raises:
        InputError: a level does not move with the image.

    Source: Luo, Li, Urtasun and Zemel, 2016, arXiv:1701.04128.

    >>> import jax.numpy as jnp
    >>> from genjax.detection.scales import field_widths
    >>> halved = lambda v, x: (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2],)
    >>> [round(w, 2) for w in field_widths(halved, {}, jnp.ones((1, 8, 8, 1)))]
    [1.73]
    """
    levels = jax.eval_shape(network, variables, images)
    return tuple(
        effective(
            lambda own, x, place=place: network(own, x)[place],
            variables,
            images,
            (level.shape[1] // 2, level.shape[2] // 2),
        ).width
        for place, level in enumerate(levels)
    )


def by_field(
    *, widths: Sequence[float], places: int = 3, shrink: float = 0.9
) -> Matching:
    """Places whose receptive field is nearest to an object, both as Gaussians.

        place ~ N(centre, (width / 2)^2),   object ~ N(centre, diag(w / 2, h / 2)^2)
        nearness = 1 / (1 + KL(place | object))

    Every object takes the `places` nearest of all levels, and, where it is free, the
    nearest with fields `shrink` times as wide. A place that several want goes to the
    one it is nearest to. No size belongs to a level by hand: the fields say which level
    is for which. As half the sides stand for the deviations of an object, so does half
    the width of a field for those of a place, though its gradients may fall off faster.

    Args:
        widths: of the fields of each level, in pixels, as `field_widths` measures them.
        places: of an object.
        shrink: of the fields in the second round.

    Returns:
        `(boxes [n], grid [p]) -> (index [p], has_one [p])`, of one image. Places may
        lie outside the boxes that they learn; distances to edges are positive, so
        `fcos` learns there a box that reaches to the place.

    Raises:
        InputError: something is not positive, or, where the matching is used, there is
            not a width for each level.

    Source: Xu, Wang, Yang, Yu and Yu, 2022, arXiv:2208.08738.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Grid, ground_truth
    >>> from genjax.detection.scales import by_field
    >>> xyxy, one = jnp.array([[0.0, 0.0, 14.0, 16.0]]), jnp.zeros(1, int)
    >>> boxes, grid = ground_truth(xyxy, one, one == 0), Grid([(4, 4), (2, 2)], (4, 8))
    >>> by_field(widths=(6.0, 14.0))(boxes, grid)[1].astype(int).tolist()[16:]
    [1, 1, 1, 0]
    """
    sizes = np.atleast_1d(np.asarray(widths, np.float32))
    if not sizes.size or not np.all(np.isfinite(sizes) & (sizes > 0)):
        raise InputError(
            f"by_field: widths must be positive and finite, got {sizes.tolist()}."
        )
    if places < 1 or not 0 < shrink <= 1:
        raise InputError(
            "by_field: places must be at least 1, and shrink in (0, 1], got "
            f"{places} and {shrink}."
        )

    def match(boxes: Boxes, grid: Grid) -> tuple[Array, Array]:
        check_grid("by_field", grid)
        if len(sizes) != len(grid.levels):
            raise InputError(
                f"by_field: the {len(grid.levels)} levels need as many widths, got "
                f"{sizes.tolist()}."
            )
        counts = [len(level) for level in grid.levels]
        deviation = jnp.asarray(np.repeat(sizes / 2, counts))
        objects = boxes.objects[:, None]
        wide, narrow = (
            jnp.where(objects.T, near, -1.0)
            for near in _nearness(grid.centre, deviation, boxes.xyxy, (1.0, shrink))
        )
        total = len(grid.centre)
        best, rows = jax.lax.top_k(wide.T, min(places, total))
        taken = marked(rows, (best >= 0) & objects, total)
        positive = jnp.any(taken, axis=1)
        again = marked(jnp.argmax(narrow, axis=0)[:, None], objects, total)
        again &= ~positive[:, None]
        near = jnp.where(taken, wide, jnp.where(again, narrow, -1.0))
        return jnp.argmax(near, axis=1), positive | jnp.any(again, axis=1)

    return match


def _nearness(
    places: Float[Array, "p 2"],
    deviation: Float[Array, " p"],
    xyxy: Float[Array, "n 4"],
    factors: Sequence[float],
) -> Iterator[Float[Array, "p n"]]:
    """1 / (1 + KL) of the Gaussians of places and of boxes, by factors of the first."""
    centre, size = centre_and_size(xyxy)
    ratio = (2 * deviation[:, None, None] / size[None]) ** 2
    away = jnp.sum((2 * (places[:, None] - centre[None]) / size[None]) ** 2, axis=-1)
    ratios, logs = jnp.sum(ratio, axis=-1), jnp.sum(jnp.log(ratio), axis=-1)
    for factor in factors:
        square = factor**2
        doubled = square * ratios + away - 2 - logs - 2 * math.log(square)
        yield 1 / (1 + doubled / 2)


def covering(matching: AnyMatching) -> AnyMatching:
    """A matching after which no object is without a place, if there are enough.

    An object that has got none takes the place of the finest level nearest to its
    centre, unless that is the only one of another: then the next, and the nearest of
    the other levels when all are.

    Args:
        matching: of places, as `by_size`, or of anchors, as `by_overlap`, where the
            smallest anchors are the finest level.

    Returns:
        A matching of the same kind. Places that it adds may lie outside the boxes that
        they learn.

    Source: Liu et al., 2016, arXiv:1512.02325 (each object has a default box).

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Grid, by_size, ground_truth
    >>> from genjax.detection.scales import covering
    >>> xyxy, one = jnp.array([[3.0, 3.0, 5.0, 5.0]]), jnp.zeros(1, int)
    >>> boxes, grid = ground_truth(xyxy, one, one == 0), Grid([(2, 2)], (4,))
    >>> match = by_size(ranges=())
    >>> [m(boxes, grid)[1].tolist() for m in (match, covering(match))]
    [[False, False, False, False], [True, False, False, False]]
    """

    def match(boxes: Boxes, of: Grid | Array) -> tuple[Array, Array]:
        index, positive = matching(boxes, of)
        if isinstance(of, Grid):
            places, side = of.centre, of.side
        else:
            places, sides = centre_and_size(of)
            side = jnp.sqrt(jnp.prod(sides, axis=-1))
        is_finest = side <= jnp.min(side) * (1 + 1e-6)
        centre, _ = centre_and_size(boxes.xyxy)
        rows = jnp.arange(len(boxes.valid), dtype=index.dtype)
        own = positive[:, None] & (index[:, None] == rows[None])
        count = jnp.sum(own.astype(jnp.int32), axis=0)

        def cover(row: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
            index, positive, count = state
            gap = jnp.sum((places - centre[row][None]) ** 2, axis=-1)
            is_free = ~positive | (count[index] > 1)
            fine = is_free & is_finest
            usable = jnp.where(jnp.any(fine), fine, is_free)
            place = jnp.argmin(jnp.where(usable, gap, jnp.inf))
            lacks = boxes.objects[row] & (count[row] == 0) & usable[place]
            before = positive[place].astype(jnp.int32)
            changed = count.at[index[place]].add(-before).at[row].add(1)
            return (
                index.at[place].set(jnp.where(lacks, rows[row], index[place])),
                positive.at[place].set(positive[place] | lacks),
                jnp.where(lacks, changed, count),
            )

        start = index, positive, count
        index, positive, _ = jax.lax.fori_loop(
            jnp.zeros((), index.dtype),
            jnp.asarray(len(rows), index.dtype),
            cover,
            start,
        )
        return index, positive

    return match
