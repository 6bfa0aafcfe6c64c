"""Which predictors learn which object.

A `Matching` knows the ground truth alone, and stands in a head's `assign`; the others
take predictions too, and stand in its `loss`, image by image and without a gradient.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import Grid, inside, smallest
from genjax.detection._iou import pairwise_iou
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int

Matching = Callable[[Boxes, Grid], tuple[Array, Array]]
"""From the boxes of one image and its places to the row of each place's object `[p]`,
and whether it has one."""


def by_size(*, ranges: Sequence[float], radius: float = 1.5) -> Matching:
    """Places near the centre of a box, on the level that its size belongs to.

    A place is for a box that holds it, where its largest distance to an edge is in the
    level's range, and the box's centre is nearer than `radius` strides along each axis.
    Of several boxes it takes the smallest.

    Args:
        ranges: the largest distance to an edge that each level but the last is for, in
            pixels: one entry less than there are levels.
        radius: in strides.

    Returns:
        `(boxes [n], grid [p]) -> (index [p], has_one [p])`, of one image.

    Raises:
        InputError: something is not positive, or `ranges` not ascending, or, where the
            matching is used, does not fit the levels.

    Source: Tian, Shen, Chen and He, 2019, arXiv:1904.01355.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Grid, by_size, ground_truth
    >>> xyxy, one = jnp.array([[0.0, 0.0, 8.0, 8.0]]), jnp.zeros(1, int)
    >>> boxes, grid = ground_truth(xyxy, one, one == 0), Grid([(4, 4), (2, 2)], (4, 8))
    >>> by_size(ranges=(6.0,))(boxes, grid)[1].astype(int).tolist()
    [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    edges = [0.0, *ranges]
    if not all(low < high for low, high in itertools.pairwise(edges)):
        raise InputError(
            f"by_size: ranges must be ascending positive distances, got {list(ranges)}."
        )
    if not radius > 0:
        raise InputError(f"by_size: radius must be positive, got {radius}.")
    limits = (0.0, *ranges, math.inf)

    def match(boxes: Boxes, grid: Grid) -> tuple[Array, Array]:
        check_grid("by_size", grid)
        if len(ranges) != len(grid.levels) - 1:
            raise InputError(
                f"by_size: ranges must be {len(grid.levels) - 1} distances between the "
                f"{len(grid.levels)} levels, got {list(ranges)}."
            )
        counts = [len(level) for level in grid.levels]
        low, high = (
            np.repeat(np.array(edges, np.float32), counts)[:, None]
            for edges in (limits[:-1], limits[1:])
        )
        centre, _ = centre_and_size(boxes.xyxy)
        offset = jnp.abs(grid.centre[:, None] - centre[None])
        near = jnp.all(offset < radius * grid.side[:, None, None], axis=-1)
        distances = to_edges(grid.centre[:, None], boxes.xyxy[None])
        reach = jnp.max(distances, axis=-1)
        fits = (reach > low) & (reach <= high)
        return smallest(inside(grid.centre, boxes.xyxy) & near & fits, boxes)

    return match


def check_grid(user: str, grid: object) -> None:
    """Checks that a matching of places is not used for anchors.

    Raises:
        InputError: these are no places.
    """
    if not isinstance(grid, Grid):
        raise InputError(
            f"{user}: it matches places, for `fcos`; anchors, for `retina`, are "
            f"matched by `by_overlap` or `compensated`, got {type(grid).__name__}."
        )


def to_edges(
    places: Float[Array, "*#b 2"], xyxy: Float[Array, "*#b 4"]
) -> Float[Array, "*b 4"]:
    """The distances from places to the left, top, right and bottom edge of boxes."""
    return jnp.concatenate([places - xyxy[..., :2], xyxy[..., 2:] - places], axis=-1)


def atss(*, places: int = 9, anchor: float = 8.0) -> Matching:
    """Adaptive training sample selection: a threshold of overlap for each object.

    Of every level the `places` nearest to a box's centre are its candidates. It takes
    those inside it whose anchors, squares of `anchor` strides, overlap it by at least

        mean(IoU) + deviation(IoU)

    over its candidates; where that leaves none, the best candidate inside. A place that
    several boxes want goes to the one it overlaps most.

    Args:
        places: candidates of a level.
        anchor: side of the anchors, in strides.

    Returns:
        `(boxes [n], grid [p]) -> (index [p], has_one [p])`, of one image.

    Raises:
        InputError: `places` or `anchor` is not positive.

    Source: Zhang, Chi, Yao, Lei and Li, 2020, arXiv:1912.02424.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Grid, atss, ground_truth
    >>> xyxy, one = jnp.array([[0.0, 0.0, 8.0, 8.0]]), jnp.zeros(1, int)
    >>> boxes, grid = ground_truth(xyxy, one, one == 0), Grid([(4, 4), (2, 2)], (4, 8))
    >>> match = atss(places=4, anchor=1.0)
    >>> match(boxes, grid)[1].astype(int).tolist()[16:]
    [1, 0, 0, 0]
    """
    if places < 1 or not anchor > 0:
        raise InputError(
            f"atss: places and anchor must be positive, got {places} and {anchor}."
        )

    def match(boxes: Boxes, grid: Grid) -> tuple[Array, Array]:
        check_grid("atss", grid)
        centre, _ = centre_and_size(boxes.xyxy)
        chosen = []
        for own in grid.levels:
            distance = jnp.sum((own[:, None] - centre[None]) ** 2, axis=-1)
            _, rows = jax.lax.top_k(-distance.T, min(places, len(own)))
            chosen.append(marked(rows, jnp.ones(rows.shape, bool), len(own)))
        candidates = jnp.concatenate(chosen)
        side = jnp.broadcast_to(anchor * grid.side[:, None], grid.centre.shape)
        overlap = pairwise_iou(around(grid.centre, side), boxes.xyxy)
        count = jnp.sum(candidates.astype(jnp.float32), axis=0)
        mean = jnp.sum(jnp.where(candidates, overlap, 0.0), axis=0) / count
        gaps = jnp.where(candidates, overlap - mean[None], 0.0)
        deviation = jnp.sqrt(jnp.sum(gaps**2, axis=0) / jnp.maximum(count - 1, 1.0))
        possible = candidates & inside(grid.centre, boxes.xyxy) & boxes.objects[None]
        best = jnp.max(jnp.where(possible, overlap, 0.0), axis=0)
        threshold = jnp.minimum(mean + deviation, best)
        own = jnp.where(possible & (overlap >= threshold[None]), overlap, -1.0)
        return jnp.argmax(own, axis=1), jnp.max(own, axis=1) >= 0

    return match


def marked(
    rows: Int[Array, "n k"], values: Bool[Array, "n k"], places: int
) -> Bool[Array, "p n"]:
    """What is said of some places of each object, as a table of all places."""
    objects = jnp.arange(len(rows))[:, None]
    return jnp.zeros((len(rows), places), bool).at[objects, rows].set(values).T


def inside_or_nearest(boxes: Boxes, grid: Grid) -> Bool[Array, "p n"]:
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
        taken = marked(rows, best > 0, len(metric))
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


def sim_ota(
    cost: Float[Array, "p n"],
    overlap: Float[Array, "p n"],
    candidates: Bool[Array, "p n"],
    *,
    most: int = 10,
) -> tuple[Int[Array, " p"], Bool[Array, " p"]]:
    """Gives each object as many places as its overlaps add up to, the cheapest.

        k = max(1, floor(sum of its `most` highest IoU))

    Each object takes its k candidates of least cost; a place that several want goes to
    the one that it costs least, which may leave another object none. YOLOX's cost is
    `-log p(class) - 3 log(IoU + 1e-8)`, and much more for places that are not near the
    centre too. For heads of one's own; `end_to_end` and `detr` have theirs built in.

    Args:
        cost: of each place for each object.
        overlap: of each place's predicted box with each object's.
        candidates: which places an object may take; none, where it is padding.
        most: overlaps that are added up.

    Returns:
        The object of each place, and whether it has one.

    Raises:
        InputError: `most` is below 1.

    Source: Ge, Liu, Wang, Li and Sun, 2021, arXiv:2107.08430.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import sim_ota
    >>> overlap = jnp.array([[0.9], [0.7], [0.6], [0.0]])
    >>> _, has_one = sim_ota(1 - overlap, overlap, overlap > 0)
    >>> has_one.tolist()
    [True, True, False, False]
    """
    if most < 1:
        raise InputError(f"sim_ota: most must be at least 1, got {most}.")
    count = min(most, len(cost))
    cost = jnp.minimum(cost, jnp.finfo(cost.dtype).max)
    highest, _ = jax.lax.top_k(jnp.where(candidates, overlap, 0.0).T, count)
    wanted = jnp.maximum(jnp.floor(jnp.sum(highest, axis=1)), 1.0)
    priced = jnp.where(candidates, cost, jnp.inf)
    cheapest, rows = jax.lax.top_k(-priced.T, count)
    takes = (jnp.arange(count, dtype=wanted.dtype)[None] < wanted[:, None]) & (
        cheapest > -jnp.inf
    )
    taken = marked(rows, takes, len(cost))
    index = jnp.argmin(jnp.where(taken, cost, jnp.inf), axis=1)
    return index, jnp.any(taken, axis=1)


def hungarian(
    cost: Float[Array, "q n"], objects: Bool[Array, " n"]
) -> tuple[Int[Array, " q"], Bool[Array, " q"]]:
    """Gives each object a predictor of its own, at the least cost in all.

    Args:
        cost: of each predictor for each object; a pair of no finite cost is none.
        objects: False for padding. Of more objects than predictors, some get none. The
            time grows with the smaller side, padding included.

    Returns:
        The object of each predictor, and whether it has one.

    Source: Kuhn, 1955, doi:10.1002/nav.3800020109; Carion et al., 2020,
    arXiv:2005.12872.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import hungarian
    >>> cost = jnp.array([[1.0, 2.0], [0.0, 9.0], [5.0, 5.0]])
    >>> index, has_one = hungarian(cost, jnp.ones(2, bool))
    >>> index.tolist(), has_one.tolist()
    ([1, 0, 0], [True, True, False])
    """
    possible = jnp.isfinite(cost) & objects[None]
    bounded = jnp.where(possible, cost, 0.0)
    highest, lowest = jnp.max(bounded, initial=0.0), jnp.min(bounded, initial=0.0)
    # One pair that is none costs more than all others could save.
    above = highest + (highest - lowest + 1.0) * min(cost.shape)
    rows, columns = optax.assignment.hungarian_algorithm(
        jnp.where(possible, cost, above)
    )
    index = jnp.zeros(len(cost), columns.dtype).at[rows].set(columns)
    has_one = jnp.zeros(len(cost), bool).at[rows].set(possible[rows, columns])
    return index, has_one
