"""What each position of an array sees of the inputs of a program."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genjax.programs._constants import Constant, at_rank

MOST = 2**28
"""The most elements that the sets of one array may have."""

DEAD = -1e30
"""What is lower counts as minus infinity: a logit that a mask has put away, whose
exponential is 0 unless all of its row is put away too."""


@dataclass(frozen=True)
class Sight:
    """What the positions of an array see, and what is known of them.

    Every array has one more axis than the array it speaks of, and size 1 along those
    axes of it which make no difference.

    Attributes:
        seen: for each analysed axis of the input, which positions of it are seen,
            `[..., size + 1]`; the last one stands for the zeros of a padding.
        nonzero: `[..., 1]`, False where the array is known to be 0.
        alive: `[..., 1]`, False where it is known to be minus infinity.
        context: for each analysed axis, the reductions through which all of it is
            seen, by name.
        origin: the sight of which this is a slice, so that windows taken by slices are
            told from paths of their own.
    """

    seen: tuple[np.ndarray, ...]
    nonzero: np.ndarray
    alive: np.ndarray
    context: tuple[frozenset[str], ...]
    origin: Any = None

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """All arrays."""
        return (*self.seen, self.nonzero, self.alive)

    def moved(self, move: Callable[[np.ndarray], np.ndarray]) -> "Sight":
        """Moves every array alike: transposes, slices, gathers."""
        return of_parts(map(move, self.parts), self.context)


def of_parts(parts: Iterable[np.ndarray], context: tuple[frozenset[str], ...]) -> Sight:
    """A sight from all of its arrays."""
    *seen, nonzero, alive = parts
    return Sight(tuple(seen), nonzero, alive, context)


def blank(widths: Sequence[int], rank: int) -> Sight:
    """The sight of a value that depends on no input, and of which nothing is known."""
    flags = np.ones((1,) * (rank + 1), bool)
    seen = tuple(np.zeros((1,) * rank + (width,), bool) for width in widths)
    return Sight(seen, flags, flags, (frozenset(),) * len(widths))


def of_constant(constant: Constant, widths: Sequence[int]) -> Sight:
    """The sight of a constant: nothing, but where it is 0 or minus infinity."""
    sight, value = blank(widths, len(constant.shape)), constant.value()
    if value is None or value.dtype.kind not in "biufc":
        return sight
    value = at_rank(value, len(constant.shape))
    alive = np.ones(value.shape, bool) if value.dtype.kind == "c" else value > DEAD
    nan = value != value
    return replace(
        sight, nonzero=(value != 0)[..., None], alive=(alive | nan)[..., None]
    )


def settled(sight: Sight) -> Sight:
    """Forgets what is seen by positions that are known to be constants.

    What has the zeros of a padding keeps them.
    """
    if sight.nonzero.all() and sight.alive.all():
        return sight
    free = sight.nonzero & sight.alive

    def follow(seen: np.ndarray) -> np.ndarray:
        size = math.prod(np.broadcast_shapes(seen.shape, free.shape))
        if size > MOST or not (seen.any() and (seen.size > 1)):
            return seen
        padding = np.zeros(seen.shape[-1], bool)
        padding[-1] = True
        return seen & (free | padding)

    return replace(sight, seen=tuple(map(follow, sight.seen)))


def contexts(sights: Sequence[Sight]) -> tuple[frozenset[str], ...]:
    """The reductions that any of several arrays sees through."""
    each = zip(*(sight.context for sight in sights), strict=True)
    return tuple(frozenset().union(*names) for names in each)


def united(sights: Sequence[Sight]) -> Sight:
    """What any of several arrays sees, position by position."""
    first, *others = sights
    seen = list(first.seen)
    for other in others:
        seen = [a | b for a, b in zip(seen, other.seen, strict=True)]
    ones = np.ones((1,) * first.nonzero.ndim, bool)
    return Sight(tuple(seen), ones, ones, contexts(sights))


def any_along(array: np.ndarray, axes: Sequence[int], *, keep: bool) -> np.ndarray:
    """Whether any position along some axes is True."""
    axes = tuple(axes)
    varying = tuple(a for a in axes if array.shape[a] > 1)
    array = np.logical_or.reduce(array, axis=varying, keepdims=True)
    return array if keep else array.squeeze(axis=axes)


def everything(sight: Sight) -> Sight:
    """What all positions together see, with nothing known of their values."""
    rank = sight.nonzero.ndim - 1
    seen = tuple(any_along(s, range(rank), keep=True) for s in sight.seen)
    ones = np.ones((1,) * (rank + 1), bool)
    return Sight(seen, ones, ones, sight.context)


def of_rank(sight: Sight, rank: int) -> Sight:
    """The sight of an array that is the same everywhere, at another rank."""
    return sight.moved(lambda part: part.reshape((1,) * rank + part.shape[-1:]))


def expanded(part: np.ndarray, axis: int, size: int) -> np.ndarray:
    """An array with all positions of one axis written out."""
    if part.shape[axis] == size:
        return part
    shape = (*part.shape[:axis], size, *part.shape[axis + 1 :])
    return np.broadcast_to(part, shape)


def reshaped(part: np.ndarray, old: Sequence[int], new: Sequence[int]) -> np.ndarray:
    """Follows axes through a reshape, by groups of them that become one another.

    Args:
        part: `[..., k]`, broadcastable to `old` but for its last axis.
        old: the shape before.
        new: the shape after.
    """
    shape: list[int] = []
    for before, after in groups(old, new):
        sides = [part.shape[a] for a in before]
        if all(side == 1 for side in sides):
            shape += [1] * len(after)
            continue
        for a in before:
            part = expanded(part, a, old[a])
        shape += [new[a] for a in after]
    return np.ascontiguousarray(part).reshape((*shape, part.shape[-1]))


def reshaped_size(part: np.ndarray, old: Sequence[int], new: Sequence[int]) -> int:
    """How many elements `reshaped` returns.

    Args:
        part: as in `reshaped`.
        old: the shape before.
        new: the shape after.
    """
    sizes = [
        math.prod(old[a] for a in before)
        for before, _ in groups(old, new)
        if any(part.shape[a] > 1 for a in before)
    ]
    return math.prod(sizes) * part.shape[-1]


def groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The axes that become one another in a reshape: the fewest at a time.

    >>> from genjax.programs._sights import groups
    >>> groups((2, 3, 4), (6, 2, 2))
    [([0, 1], [0]), ([2], [1, 2])]
    """
    if 0 in old:
        return [(list(range(len(old))), list(range(len(new))))]
    found, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        before, after, left, right = [], [], 1, 1
        while left != right or not (before or after):
            if (left <= right and i < len(old)) or j == len(new):
                before.append(i)
                left, i = left * old[i], i + 1
            else:
                after.append(j)
                right, j = right * new[j], j + 1
        found.append((before, after))
    return found


def windowed(
    part: np.ndarray, axis: int, size: int, places: np.ndarray, outside: np.ndarray
) -> np.ndarray:
    """What windows along one axis see.

    Args:
        part: `[..., k]`.
        axis: along which.
        size: of the array there.
        places: `[out, taps]`: positions; -1 is the padding, -2 is nothing.
        outside: `[k]`: what the padding sees.
    """
    if part.shape[axis] == 1 and size > 1:
        return part
    if size == 1 and len(outside) > 1:  # what has a single position has no edge
        outside = np.append(outside[:-1], False)
    first = np.moveaxis(expanded(part, axis, size), axis, 0)
    rest = first.shape[1:]
    nothing = np.zeros((1, *rest), bool)
    padding = np.broadcast_to(outside, (1, *rest))
    extended = np.concatenate([first, nothing, padding])
    result = np.zeros((len(places), *rest), bool)
    for tap in range(places.shape[1]):
        result |= extended[places[:, tap]]
    return np.moveaxis(result, 0, axis)


def compressed(part: np.ndarray) -> np.ndarray:
    """Axes along which all positions are the same get size 1."""
    for axis in range(part.ndim - 1):
        first = part.take([0], axis)
        if part.shape[axis] > 1 and (part == first).all():
            part = first
    return part
