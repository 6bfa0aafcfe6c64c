"""Rules of what brings several elements together: sums, windows, products."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from genjax.programs._sights import (
    Sight,
    any_along,
    blank,
    compressed,
    everything,
    expanded,
    of_parts,
    of_rank,
    united,
    windowed,
)
from genjax.programs._walk import SightRule, Step


def contracted(step: Step, sight: Sight, axes: Sequence[int], *, keep: bool) -> Sight:
    """Sums over axes; over all that there is, it is context and not seen."""
    seen, context = [], []
    for part, names in zip(sight.seen, sight.context, strict=True):
        found = any_along(part, axes, keep=keep)
        varies = any(part.shape[a] > 1 for a in axes)
        if varies and not step.whole and _is_all(part, found):
            found = np.zeros((1,) * (found.ndim - 1) + found.shape[-1:], bool)
            names = names | {step.where}
        seen.append(found)
        context.append(names)
    _look_at_unions(step, sight, axes)
    flags = (any_along(f, axes, keep=keep) for f in (sight.nonzero, sight.alive))
    return of_parts((*seen, *flags), tuple(context))


def _look_at_unions(step: Step, sight: Sight, axes: Sequence[int]) -> None:
    """Of several sets that move along one axis, less is seen than their product."""
    if any(sum(part.shape[axis] > 1 for part in sight.seen) > 1 for axis in axes):
        step.is_union()


def reduce(step: Step) -> list[Sight]:
    """Sums, maxima and their like over axes."""
    axes = [int(axis) for axis in step.params["axes"]]
    rank = len(step.shape)
    operands = [s for s in step.sights if s.nonzero.ndim == rank + 1]
    whole = operands[0] if len(operands) == 1 else united(operands)
    found = contracted(step, whole, axes, keep=False)
    if step.name != "reduce_max":
        found = replace(found, alive=np.ones_like(found.alive))
    if step.name not in ("reduce_sum", "reduce_max", "reduce_or"):
        found = replace(found, nonzero=np.ones_like(found.nonzero))
    return [found] * step.count


def reduce_by_function(step: Step) -> list[Sight]:
    """A reduction by any function."""
    operands = step.sights[: step.count]
    axes = [int(axis) for axis in step.params["dimensions"]]
    found = contracted(step, united(operands), axes, keep=False)
    ones = np.ones_like(found.nonzero)
    return [replace(found, nonzero=ones, alive=ones)] * step.count


def transform(step: Step) -> Sight:
    """A Fourier transform mixes its last axes."""
    rank, count = len(step.shape), len(step.params["fft_lengths"])
    return contracted(step, step.sights[0], range(rank - count, rank), keep=True)


def sort(step: Step) -> list[Sight]:
    """What is sorted along an axis may come from anywhere on it."""
    name, rank = step.name, len(step.shape)
    axis = step.params["dimension"] if name == "sort" else rank - 1
    if name == "top_k":
        axis = step.params.get("operand_dimension", axis) % rank
    found = contracted(step, united(step.sights), [axis], keep=True)
    return [found] * step.count


def cumulative(step: Step) -> Sight:
    """Each position sees those up to it, or from it on."""
    axis, reverse = step.params["axis"], step.params["reverse"]

    def along(part: np.ndarray) -> np.ndarray:
        turned = np.flip(part, axis) if reverse else part
        found = np.logical_or.accumulate(turned, axis=axis)
        return np.flip(found, axis) if reverse else found

    found = step.sights[0].moved(along)
    found = replace(found, alive=np.ones_like(found.alive))
    if step.name in ("cumsum", "cummax", "cummin", "cumprod"):
        return found
    return replace(found, nonzero=np.ones_like(found.nonzero))


def convolution(step: Step) -> Sight:
    """Windows along the spatial axes, sums over the channels of a group.

    The zeros of a kernel are left out where they are known.
    """
    lhs, kernel = step.sights
    p = step.params
    dims = p["dimension_numbers"]
    shape, size = step.shapes
    result = step.result
    batch, channel, *space = dims.lhs_spec
    order = (batch, channel, *space)
    back = np.argsort(dims.out_spec).tolist()
    windows = [
        windows_of(
            shape[axis],
            result[dims.out_spec[2 + i]],
            taps=size[dims.rhs_spec[2 + i]],
            stride=p["window_strides"][i],
            low=p["padding"][i][0],
            dilation=p["rhs_dilation"][i],
            holes=p["lhs_dilation"][i],
        )
        for i, axis in enumerate(space)
    ]
    pattern = kernel.nonzero[..., 0]
    pattern = pattern.transpose(dims.rhs_spec)
    groups, features = p["feature_group_count"], result[dims.out_spec[1]]
    channels = shape[channel]

    def follow(part: np.ndarray, *, pads: bool) -> np.ndarray:
        part = part.transpose((*order, part.ndim - 1))
        outside = np.zeros(part.shape[-1], bool)
        outside[-1] = pads
        if p["batch_group_count"] > 1:
            part = any_along(part, [0], keep=True)
        if pattern.all():
            part = _by_groups(part, channels, groups, features)
            for i, places in enumerate(windows):
                length = shape[space[i]]
                part = windowed(part, 2 + i, length, places, outside)
        else:
            lengths = [shape[axis] for axis in space]
            full = _ungrouped(pattern, features, channels, groups)
            part = _masked_windows(part, full, windows, lengths, outside)
        return part.transpose((*back, part.ndim - 1))

    if not pattern.all():
        step.is_union()
    seen = tuple(follow(part, pads=True) for part in lhs.seen)
    nonzero = follow(lhs.nonzero, pads=False)
    ones = np.ones((1,) * (len(result) + 1), bool)
    own = Sight(seen, nonzero, ones, lhs.context)
    if any(part.any() for part in kernel.seen):
        return united([own, of_rank(everything(kernel), len(result))])
    return own


def pooling(step: Step) -> list[Sight]:
    """Windows along every axis."""
    p, shape, result = step.params, step.shape, step.result
    operands = [s for s in step.sights if s.nonzero.ndim == len(shape) + 1]
    dilation = p.get("window_dilation") or (1,) * len(shape)
    holes = p.get("base_dilation") or (1,) * len(shape)
    covered = [
        axis
        for axis, size in enumerate(shape)
        if size > 1 and result[axis] == 1 and p["window_dimensions"][axis] >= size
    ]

    def follow(part: np.ndarray) -> np.ndarray:
        outside = np.zeros(part.shape[-1], bool)
        outside[-1] = part.shape[-1] > 1
        for axis, size in enumerate(shape):
            places = windows_of(
                size,
                result[axis],
                taps=p["window_dimensions"][axis],
                stride=p["window_strides"][axis],
                low=p["padding"][axis][0],
                dilation=dilation[axis],
                holes=holes[axis],
            )
            is_same = size == result[axis] and places.shape[1] == 1
            if not is_same and axis not in covered:
                part = windowed(part, axis, size, places, outside)
        return part

    found = contracted(step, united(operands), covered, keep=True).moved(follow)
    ones = np.ones((1,) * (len(shape) + 1), bool)
    return [replace(found, nonzero=ones, alive=ones)] * step.count


def dot(step: Step) -> Sight:
    """Batch and free axes keep their place; the contracted are summed over."""
    sums, batches = (
        tuple(tuple(map(int, axes)) for axes in pair)
        for pair in step.params["dimension_numbers"]
    )
    shapes = step.shapes
    rank = len(step.result)
    results = []
    for side in (0, 1):
        other = 1 - side
        if not any(part.any() for part in step.sights[side].seen) and not any(
            step.sights[side].context
        ):
            continue
        pattern = step.sights[other].nonzero[..., 0]
        moved = _Product(sums, batches, shapes, side)
        own = step.sights[side]
        if pattern.all() or not any(
            part.shape[a] > 1 for part in own.seen for a in sums[side]
        ):
            whole = contracted(step, own, sums[side], keep=True)
            results.append(whole.moved(moved.place))
        else:
            _look_at_unions(step, own, sums[side])
            seen = tuple(moved.through(part, pattern) for part in own.seen)
            ones = np.ones((1,) * (rank + 1), bool)
            results.append(Sight(seen, ones, ones, own.context))
    nonzero = np.ones((1,) * (rank + 1), bool)
    if not all(sight.nonzero.all() for sight in step.sights):
        nonzero = _Product(sums, batches, shapes, 0).through(
            step.sights[0].nonzero, step.sights[1].nonzero[..., 0]
        )
    if not results:
        return replace(blank(step.widths, rank), nonzero=nonzero)
    return replace(step.united(results), nonzero=nonzero)


def _ungrouped(
    pattern: np.ndarray, features: int, channels: int, groups: int
) -> np.ndarray:
    """The zeros of a kernel `[out, in of a group, *taps]` as `[out, in, *taps]`."""
    inside = channels // groups
    if groups == 1:
        return pattern
    pattern = np.broadcast_to(pattern, (features, inside, *pattern.shape[2:]))
    full = np.zeros((features, channels, *pattern.shape[2:]), bool)
    for out in range(features):
        start = out // (features // groups) * inside
        full[out, start : start + inside] = pattern[out]
    return full


def _masked_windows(
    part: np.ndarray,
    pattern: np.ndarray,
    windows: Sequence[np.ndarray],
    lengths: Sequence[int],
    outside: np.ndarray,
) -> np.ndarray:
    """A convolution of `[b, in, *space, k]` by a kernel with known zeros.

    Args:
        part: what is convolved.
        pattern: `[out, in, *taps]`, False at zeros, broadcastable.
        windows: along each spatial axis.
        lengths: of the spatial axes.
        outside: what the padding sees.
    """
    total = np.zeros((1,) * (part.ndim - 1) + part.shape[-1:], bool)
    for tap in np.ndindex(*(places.shape[1] for places in windows)):
        index = (
            min(t, size - 1) for t, size in zip(tap, pattern.shape[2:], strict=True)
        )
        at = pattern[(slice(None), slice(None), *index)]
        if not at.any():
            continue
        moved = part
        for i, places in enumerate(windows):
            one = places[:, tap[i] : tap[i] + 1]
            moved = windowed(moved, 2 + i, lengths[i], one, outside)
        if at.all():
            moved = any_along(moved, [1], keep=True)
        else:
            inner = max(at.shape[1], moved.shape[1])
            at = np.broadcast_to(at, (at.shape[0], inner)).astype(np.float32)
            moved = expanded(moved, 1, inner).astype(np.float32)
            moved = np.moveaxis(np.tensordot(at, moved, (1, 1)) > 0, 0, 1)
        total = total | moved
    return total


def _by_groups(
    part: np.ndarray, channels: int, groups: int, features: int
) -> np.ndarray:
    """What output channels see of the input channels of their group, on axis 1."""
    if part.shape[1] == 1:
        return part
    part = expanded(part, 1, channels)
    if groups == 1:
        return any_along(part, [1], keep=True)
    split = part.reshape(part.shape[0], groups, -1, *part.shape[2:])
    return np.repeat(split.any(axis=2), features // groups, axis=1)


def _is_all(part: np.ndarray, found: np.ndarray) -> bool:
    """Whether each position of a result sees all that there was: most of the axis."""
    total = np.logical_or.reduce(part.reshape(-1, part.shape[-1]), axis=0)[:-1]
    return 2 * total.sum() > len(total) and bool((found[..., :-1] == total).all())


def windows_of(
    size: int,
    out: int,
    *,
    taps: int,
    stride: int,
    low: int,
    dilation: int = 1,
    holes: int = 1,
) -> np.ndarray:
    """The positions under each window, `[out, taps]`: -1 is padding, -2 a hole.

    `low` positions are put before, `holes - 1` between the operand's.
    """
    touched = np.arange(out)[:, None] * stride - low + dilation * np.arange(taps)[None]
    inside = (touched >= 0) & (touched <= (size - 1) * holes)
    real = np.where(touched % holes == 0, touched // holes, -2)
    return np.where(inside, real, -1)


class _Product:
    """How one operand of a matrix product becomes part of the result.

    Args:
        sums: the contracted axes of either operand.
        batches: the shared axes of either operand.
        shapes: of both operands.
        side: which of them.
    """

    def __init__(self, sums: Any, batches: Any, shapes: Any, side: int) -> None:
        self.sums, self.batches, self.shapes, self.side = sums, batches, shapes, side

    def _free(self, side: int) -> list[int]:
        taken = (*self.sums[side], *self.batches[side])
        return [a for a in range(len(self.shapes[side])) if a not in taken]

    def place(self, part: np.ndarray) -> np.ndarray:
        """Moves an array whose contracted axes have size 1."""
        free, others = self._free(self.side), self._free(1 - self.side)
        order = (*self.batches[self.side], *free, *self.sums[self.side])
        part = part.transpose((*order, part.ndim - 1))
        part = part.squeeze(
            axis=tuple(range(part.ndim - 1 - len(self.sums[self.side]), part.ndim - 1))
        )
        batch = part.shape[: len(self.batches[self.side])]
        own = part.shape[len(batch) : -1]
        blank = (1,) * len(others)
        shape = (*batch, *own, *blank) if self.side == 0 else (*batch, *blank, *own)
        return part.reshape((*shape, part.shape[-1]))

    def through(self, part: np.ndarray, pattern: np.ndarray) -> np.ndarray:
        """Contracts an array with where the other operand is not 0."""
        side, other = self.side, 1 - self.side
        width = part.shape[-1]
        if all(part.shape[axis] == 1 for axis in self.sums[side]):
            some = any_along(pattern, self.sums[other], keep=True)
            if some.all():
                return self.place(part)
        for axis in self.sums[side]:
            part = expanded(part, axis, self.shapes[side][axis])
        for axis in self.sums[other]:
            pattern = expanded(pattern[..., None], axis, self.shapes[other][axis])[
                ..., 0
            ]
        free, across = self._free(side), self._free(other)
        mine = part.transpose(
            (*self.batches[side], *free, *self.sums[side], part.ndim - 1)
        )
        theirs = pattern.transpose((*self.batches[other], *across, *self.sums[other]))
        batch = np.broadcast_shapes(
            mine.shape[: len(self.batches[side])],
            theirs.shape[: len(self.batches[other])],
        )
        own = mine.shape[len(batch) : len(batch) + len(free)]
        far = theirs.shape[len(batch) : len(batch) + len(across)]
        mine = np.broadcast_to(mine, (*batch, *mine.shape[len(batch) :]))
        theirs = np.broadcast_to(theirs, (*batch, *theirs.shape[len(batch) :]))
        inner = math.prod(self.shapes[side][a] for a in self.sums[side])
        left = theirs.reshape(*batch, math.prod(far), inner).astype(np.float32)
        right = mine.reshape(*batch, math.prod(own), inner, width).astype(np.float32)
        product = np.einsum("...fk,...okw->...ofw", left, right, optimize=True) > 0
        product = product.reshape((*batch, *own, *far, width))
        if side == 0:
            return compressed(product)
        first, second = len(batch), len(batch) + len(own)
        order = (
            *range(first),
            *range(second, second + len(far)),
            *range(first, second),
            product.ndim - 1,
        )
        return compressed(product.transpose(order))


REDUCTIONS = (
    "reduce_sum",
    "reduce_max",
    "reduce_min",
    "reduce_prod",
    "reduce_and",
    "reduce_or",
    "reduce_xor",
    "argmax",
    "argmin",
)
CUMULATIVE = ("cumsum", "cummax", "cummin", "cumprod", "cumlogsumexp")
POOLINGS = (
    "reduce_window_max",
    "reduce_window_min",
    "reduce_window_sum",
    "reduce_window",
)

SUMS: dict[str, SightRule] = {
    **dict.fromkeys(REDUCTIONS, reduce),
    **dict.fromkeys(("sort", "top_k", "approx_top_k"), sort),
    **dict.fromkeys(CUMULATIVE, cumulative),
    **dict.fromkeys(POOLINGS, pooling),
    "reduce": reduce_by_function,
    "fft": transform,
    "conv_general_dilated": convolution,
    "dot_general": dot,
}
