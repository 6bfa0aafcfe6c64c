"""Which places learn which object, from what the places see."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection._boxes import Boxes, centre_and_size
from genjax.detection._dense import Grid
from genjax.detection._matching import Matching
from genjax.errors import InputError
from genjax.receptive_field import effective
from genjax.typing import Array, Float


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

    Every object takes the `places` nearest of all levels, and the nearest once more
    with fields `shrink` times as wide, if nobody has taken it. A place that several
    want goes to the one it is nearest to. No size belongs to a level by hand: the
    fields say which level is for which.

    Args:
        widths: of the fields of each level, in pixels, as `field_widths` measures them.
        places: of an object.
        shrink: of the fields in the second round.

    Returns:
        `(boxes [n], grid [p]) -> (index [p], has_one [p])`, of one image. Places may
        lie outside the boxes that they learn.

    Raises:
        InputError: something is not positive, or, where the matching is used, there is
            not a width for each level.

    Source: Xu, Wang, Yang, Yu and Yu, 2022, arXiv:2208.08738.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Grid, ground_truth
    >>> from genjax.detection.scales import by_field
    >>> xyxy, one = jnp.array([[0.0, 0.0, 16.0, 16.0]]), jnp.zeros(1, int)
    >>> boxes, grid = ground_truth(xyxy, one, one == 0), Grid([(4, 4), (2, 2)], (4, 8))
    >>> by_field(widths=(6.0, 14.0))(boxes, grid)[1].astype(int).tolist()[16:]
    [1, 1, 1, 1]
    """
    if not widths or not all(math.isfinite(w) and w > 0 for w in widths):
        raise InputError(
            f"by_field: widths must be positive and finite, got {list(widths)}."
        )
    if places < 1 or not 0 < shrink <= 1:
        raise InputError(
            "by_field: places must be at least 1, and shrink in (0, 1], got "
            f"{places} and {shrink}."
        )

    def match(boxes: Boxes, grid: Grid) -> tuple[Array, Array]:
        if len(widths) != len(grid.levels):
            raise InputError(
                f"by_field: the {len(grid.levels)} levels need as many widths, got "
                f"{list(widths)}."
            )
        counts = [len(level) for level in grid.levels]
        deviation = jnp.asarray(np.repeat(np.array(widths, np.float32) / 2, counts))
        objects = boxes.objects[None]
        near = jnp.where(objects, _nearness(grid.centre, deviation, boxes.xyxy), -1.0)
        taken = _best(near, places) & objects
        index = jnp.argmax(jnp.where(taken, near, -1.0), axis=1)
        positive = jnp.any(taken, axis=1)
        narrow = _nearness(grid.centre, shrink * deviation, boxes.xyxy)
        narrow = jnp.where(objects & ~positive[:, None], narrow, -1.0)
        again = _best(narrow, 1) & (narrow >= 0)
        index = jnp.where(positive, index, jnp.argmax(again, axis=1))
        return index, positive | jnp.any(again, axis=1)

    return match


def _nearness(
    places: Float[Array, "p 2"],
    deviation: Float[Array, " p"],
    xyxy: Float[Array, "n 4"],
) -> Float[Array, "p n"]:
    """1 / (1 + KL) of the Gaussians of places and of boxes."""
    centre, size = centre_and_size(xyxy)
    ratio = (2 * deviation[:, None, None] / size[None]) ** 2
    away = (2 * (places[:, None] - centre[None]) / size[None]) ** 2
    divergence = 0.5 * jnp.sum(ratio + away - 1 - jnp.log(ratio), axis=-1)
    return 1 / (1 + divergence)


def _best(score: Float[Array, "p n"], count: int) -> Array:
    """The places of the highest scores of each object, `[p, n]`."""
    lowest = jax.lax.top_k(score.T, min(count, len(score)))[0][:, -1]
    return score >= lowest[None]


def covering(matching: Matching) -> Matching:
    """A matching after which no object is without a place.

    An object that has got none takes the nearest place of the finest level, unless that
    is the only one of another: then the next.

    Args:
        matching: any.

    Returns:
        `(boxes [n], grid [p]) -> (index [p], has_one [p])`, of one image. Places that
        were added may lie outside the boxes that they learn.

    Source: Zhang, Zhu, Lei, Shi, Wang and Li, 2017, arXiv:1708.05237.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Grid, by_size, ground_truth
    >>> from genjax.detection.scales import covering
    >>> xyxy, one = jnp.array([[3.0, 3.0, 5.0, 5.0]]), jnp.zeros(1, int)
    >>> boxes, grid = ground_truth(xyxy, one, one == 0), Grid([(2, 2)], (4,))
    >>> match = by_size(ranges=())
    >>> [m(boxes, grid)[1].tolist() for m in (match, covering(match))]
    [[False, False, False, False], [True, False, False, False]]
    """

    def match(boxes: Boxes, grid: Grid) -> tuple[Array, Array]:
        index, positive = matching(boxes, grid)
        finest = len(grid.levels[0])
        centre, _ = centre_and_size(boxes.xyxy)
        gaps = jnp.sum((grid.levels[0][:, None] - centre[None]) ** 2, axis=-1)
        rows = jnp.arange(len(boxes.valid))

        def cover(row: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            index, positive = state
            own = positive[:, None] & (index[:, None] == rows[None])
            count = jnp.sum(own, axis=0)
            is_only = (positive & (count[index] == 1))[:finest]
            place = jnp.argmin(jnp.where(is_only, jnp.inf, gaps[:, row]))
            lacks = boxes.objects[row] & (count[row] == 0) & ~is_only[place]
            return (
                index.at[place].set(jnp.where(lacks, row, index[place])),
                positive.at[place].set(positive[place] | lacks),
            )

        return jax.lax.fori_loop(0, len(rows), cover, (index, positive))

    return match
