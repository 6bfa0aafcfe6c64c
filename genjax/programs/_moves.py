"""Rules of what moves, picks and puts elements."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np

from genjax.programs._constants import LARGEST, Constant, at_once, at_rank
from genjax.programs._sights import (
    MOST,
    Sight,
    any_along,
    compressed,
    contexts,
    everything,
    expanded,
    of_parts,
    of_rank,
    reshaped,
    reshaped_size,
    united,
    windowed,
)
from genjax.programs._sums import windows_of
from genjax.programs._walk import SightRule, Step


def pad(step: Step) -> Sight:
    """Puts a filler around and between; below 0, cuts off."""
    operand, filler = step.sights
    shape, result, config = step.shape, step.result, step.params["padding_config"]
    is_constant = isinstance(step.values[1], Constant)
    is_parameter = not any(part.any() for part in operand.seen)
    sees = any(part.any() for part in filler.seen)

    def follow(part: np.ndarray, fill: np.ndarray, *, pads: bool) -> np.ndarray:
        outside = fill.reshape(-1).copy()
        if pads:
            outside[-1] = is_constant
        for axis, (low, high, inner) in enumerate(config):
            if (low, high, inner) == (0, 0, 0):
                continue
            varies = part.shape[axis] > 1 or shape[axis] == 1
            # Sets of unlike axes are not multiplied for the sake of zeros around.
            if not varies and not is_parameter and not sees:
                part = part if pads else part | fill
                continue
            places = windows_of(
                shape[axis],
                result[axis],
                taps=1,
                stride=1,
                low=int(low),
                holes=int(inner) + 1,
            )
            if not pads or sees:  # what lies between is filled as well
                places = np.where(places == -2, -1, places)
            whole = expanded(part, axis, shape[axis])
            part = windowed(whole, axis, shape[axis], places, outside)
        return part

    flags = len(step.widths)
    parts = (
        follow(part, fill, pads=place < flags)
        for place, (part, fill) in enumerate(
            zip(operand.parts, filler.parts, strict=True)
        )
    )
    return of_parts(parts, contexts(step.sights))


def slice_(step: Step) -> Sight:
    """Takes every so many positions of an interval."""
    p, shape = step.params, step.shape
    strides = p["strides"] or (1,) * len(shape)
    cut = tuple(map(slice, p["start_indices"], p["limit_indices"], strides))
    operand = step.sights[0]
    origin = operand.seen if operand.origin is None else operand.origin
    return replace(operand.moved(partial(_cut, shape=shape, slices=cut)), origin=origin)


def split(step: Step) -> list[Sight]:
    """Cuts an axis into parts."""
    axis, shape = step.params["axis"], step.shape
    found, start = [], 0
    for size in step.params["sizes"]:
        cut = [slice(None)] * len(shape)
        cut[axis] = slice(start, start + size)
        found.append(step.sights[0].moved(partial(_cut, shape=shape, slices=cut)))
        start += size
    return found


def tile(step: Step) -> Sight:
    """Repeats an array along its axes."""
    shape, times = step.shape, step.params["reps"]

    def follow(part: np.ndarray) -> np.ndarray:
        for axis, count in enumerate(times):
            if part.shape[axis] > 1 or shape[axis] == 1:
                part = np.concatenate([part] * count, axis=axis)
        return compressed(part)

    return step.sights[0].moved(follow)


def reverse(step: Step) -> Sight:
    """Turns axes round."""
    return step.sights[0].moved(lambda part: np.flip(part, step.params["dimensions"]))


def transpose(step: Step) -> Sight:
    """Takes axes in another order."""
    order = step.params["permutation"]
    return step.sights[0].moved(lambda part: part.transpose((*order, part.ndim - 1)))


def broadcast(step: Step) -> Sight:
    """Spreads over new axes, and axes of size 1."""
    result, places = step.result, step.params["broadcast_dimensions"]

    def follow(part: np.ndarray) -> np.ndarray:
        shape = [1] * len(result)
        for axis, place in enumerate(places):
            shape[place] = part.shape[axis]
        return part.reshape((*shape, part.shape[-1]))

    return step.sights[0].moved(follow)


def concatenate(step: Step) -> Sight:
    """Puts arrays side by side."""
    axis = int(step.params["dimension"])
    sizes = [shape[axis] for shape in step.shapes]
    return _side_by_side(step, step.sights, axis, sizes)


def stack(step: Step) -> Sight:
    """Puts arrays side by side along a new axis."""
    axis = int(step.params["axis"])
    rows = [s.moved(partial(np.expand_dims, axis=axis)) for s in step.sights]
    return _side_by_side(step, rows, axis, [1] * len(rows))


def _side_by_side(
    step: Step, sights: Sequence[Sight], axis: int, sizes: Sequence[int]
) -> Sight:
    found = [
        _joined(parts, axis, sizes)
        for parts in zip(*(s.parts for s in sights), strict=True)
    ]
    parts = [part for part in found if part is not None]
    if len(parts) == len(found):
        return of_parts(parts, contexts(sights))
    step.unknown("too large to be followed part by part")
    return united([s.moved(partial(any_along, axes=[axis], keep=True)) for s in sights])


def squeeze(step: Step) -> Sight:
    """Leaves out axes of size 1."""
    rank = len(step.shape)
    gone = tuple(a % rank for a in step.params["dimensions"])
    return step.sights[0].moved(lambda part: part.squeeze(axis=gone))


def unstack(step: Step) -> list[Sight]:
    """Takes an axis apart."""
    axis = int(step.params["axis"])

    def at(place: int, part: np.ndarray) -> np.ndarray:
        return part.take(place if part.shape[axis] > 1 else 0, axis)

    return [step.sights[0].moved(partial(at, i)) for i in range(step.count)]


def reshape(step: Step) -> Sight:
    """Splits and merges axes."""
    old, new, operand = step.shape, step.result, step.sights[0]
    if max(reshaped_size(part, old, new) for part in operand.parts) > MOST:
        step.unknown("too large to be followed")
        return of_rank(everything(operand), len(new))
    return operand.moved(partial(reshaped, old=old, new=new))


def select(step: Step) -> Sight:
    """Chooses position by position, by a constant where it is known."""
    which, *cases = step.sights
    rank, value = len(step.result), None
    if isinstance(step.values[0], Constant):
        value = step.values[0].value()
    if value is None:
        which = which if which.nonzero.ndim > 1 else of_rank(which, rank)
        flags = [
            reduce(np.logical_or, parts)
            for parts in zip(*((c.nonzero, c.alive) for c in cases), strict=True)
        ]
        joined = step.joined([which, *cases])
        return replace(joined, nonzero=flags[0], alive=flags[1])
    value = at_rank(value.astype(int), rank)
    if value.size == 1:
        return cases[value.item()]
    chosen = [(value == place)[..., None] for place in range(len(cases))]
    parts = (
        reduce(np.logical_or, [a & b for a, b in zip(each, chosen, strict=True)])
        for each in zip(*(c.parts for c in cases), strict=True)
    )
    return of_parts(parts, contexts(cases))


def indexed(step: Step) -> Sight:
    """Gathers and dynamic slices: by the places that constant indices name."""
    operand, *indices = step.sights
    rank, names = len(step.result), [step.known(i + 1) for i in range(len(indices))]
    given = [name for name in names if name is not None]
    if len(given) < len(names):
        step.unknown("an index that depends on data")
        return united([of_rank(everything(s), rank) for s in step.sights])
    places = _places(step, given)
    if places is None:
        step.unknown("too large to be followed")
        return of_rank(everything(operand), rank)
    follow = partial(_taken, shape=step.shape, places=places)
    *seen, nonzero, alive = operand.parts
    flags = (follow(flag, fill=True) for flag in (nonzero, alive))
    return of_parts((*(follow(s, fill=False) for s in seen), *flags), operand.context)


def updated(step: Step) -> Sight:
    """Scatters and updates of slices: by the places that constant indices name."""
    is_slice = step.name == "dynamic_update_slice"
    place, indices = (1, range(2, len(step.values))) if is_slice else (2, (1,))
    old, new, rank = step.sights[0], step.sights[place], len(step.shape)
    names = [step.known(i) for i in indices]
    given = [name for name in names if name is not None]
    target = _targets(step, place, given) if len(given) == len(names) else None
    if target is None:
        is_known = len(given) == len(names)
        meet = "updates that meet in one place, or too many"
        step.unknown(meet if is_known else "an index that depends on data")
        # What stays in its place is seen there; what is put in, anywhere.
        put = [of_rank(everything(s), rank) for s in step.sights[1:]]
        return united([old, *put])
    is_set = is_slice or (
        step.name == "scatter" and step.params.get("update_jaxpr") is None
    )
    there = compressed((target >= 0)[..., None])

    def follow(part: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        if fresh.size == fresh.shape[-1]:  # the same everywhere
            moved = fresh.reshape((1,) * rank + fresh.shape[-1:])
        else:
            moved = _taken(fresh, shape=step.shapes[place], places=target, fill=False)
        return np.where(there, moved if is_set else part | moved, part)

    parts = (follow(a, b) for a, b in zip(old.parts, new.parts, strict=True))
    return of_parts(parts, contexts([old, new]))


def _cut(
    part: np.ndarray, *, shape: Sequence[int], slices: Sequence[slice]
) -> np.ndarray:
    index = tuple(
        slice(None) if part.shape[axis] == 1 and shape[axis] > 1 else one
        for axis, one in enumerate(slices)
    )
    return part[index]


def _joined(
    parts: Sequence[np.ndarray], axis: int, sizes: Sequence[int]
) -> np.ndarray | None:
    """Arrays side by side along an axis; one, where all of them are the same."""
    first = parts[0]
    if all(p.shape[axis] == 1 for p in parts) and all(
        p is first or np.array_equal(p, first) for p in parts[1:]
    ):
        return first
    others = np.broadcast_shapes(
        *((*p.shape[:axis], 1, *p.shape[axis + 1 :]) for p in parts)
    )
    if math.prod(others) * sum(sizes) > MOST:
        return None
    whole = [
        np.broadcast_to(p, (*others[:axis], size, *others[axis + 1 :]))
        for p, size in zip(parts, sizes, strict=True)
    ]
    return np.concatenate(whole, axis=axis)


def _places(step: Step, indices: Sequence[np.ndarray]) -> np.ndarray | None:
    """For each position of the result, the one of the operand; -1 for none."""
    size = math.prod(step.shape)
    if max(size, math.prod(step.result)) > LARGEST:
        return None
    params = dict(step.params)
    if "fill_value" in params:
        params["fill_value"] = -1
    with at_once():
        numbers = jnp.arange(size, dtype=jnp.int32).reshape(step.shape)
        given = map(jnp.asarray, indices)
        return np.asarray(step.equation.primitive.bind(numbers, *given, **params))


def _targets(
    step: Step, place: int, indices: Sequence[np.ndarray]
) -> np.ndarray | None:
    """For each position of the result, the one of the update; -1 where it stays.

    None where several updates meet in one place, or there are too many.
    """
    shape, size = step.shape, math.prod(step.shapes[place])
    if max(math.prod(shape), size) > LARGEST:
        return None
    with at_once():
        numbers = jnp.arange(size, dtype=jnp.int32).reshape(step.shapes[place])
        none, given = jnp.full(shape, -1, jnp.int32), [*map(jnp.asarray, indices)]
        if step.name == "dynamic_update_slice":
            bind = step.equation.primitive.bind
            return np.asarray(bind(none, numbers, *given, **step.params))
        kept = ("dimension_numbers", "indices_are_sorted", "mode")
        how = {name: step.params[name] for name in kept}
        zeros, ones = jnp.zeros(shape, jnp.int32), jnp.ones_like(numbers)
        if int(jax.lax.scatter_add(zeros, given[0], ones, **how).max()) > 1:
            return None
        return np.asarray(jax.lax.scatter(none, given[0], numbers, **how))


def _taken(
    part: np.ndarray, *, shape: Sequence[int], places: np.ndarray, fill: bool
) -> np.ndarray:
    """Gathers positions of an array, and only along axes that make a difference.

    Args:
        part: `[..., k]`, broadcastable to `shape` but for its last axis.
        shape: of what is gathered from.
        places: of the result, in the flattened array; -1 for none.
        fill: what stands where there is none.
    """
    varying = [a for a in range(len(shape)) if part.shape[a] > 1]
    if not varying:
        return part.reshape((1,) * places.ndim + part.shape[-1:])
    inside = np.unravel_index(np.maximum(places, 0), tuple(shape))
    index = compressed(np.stack([*(inside[a] for a in varying), places < 0], axis=-1))
    uniform = tuple(a for a in range(part.ndim - 1) if a not in varying)
    found = part.squeeze(axis=uniform)[tuple(np.moveaxis(index[..., :-1], -1, 0))]
    return np.where(index[..., -1:] > 0, fill, found)


UPDATES = (
    "dynamic_update_slice",
    "scatter",
    "scatter-add",
    "scatter-mul",
    "scatter-min",
    "scatter-max",
    "scatter-sub",
)

MOVES: dict[str, SightRule] = {
    **dict.fromkeys(("gather", "dynamic_slice"), indexed),
    **dict.fromkeys(UPDATES, updated),
    "pad": pad,
    "slice": slice_,
    "split": split,
    "tile": tile,
    "rev": reverse,
    "transpose": transpose,
    "broadcast_in_dim": broadcast,
    "concatenate": concatenate,
    "stack": stack,
    "squeeze": squeeze,
    "unstack": unstack,
    "reshape": reshape,
    "select_n": select,
}
