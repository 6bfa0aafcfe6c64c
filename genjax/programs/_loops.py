"""Rules of loops and branches: they are run through as far as constants say."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn

from genjax.programs._constants import Constant, at_rank, shape_of
from genjax.programs._nested import scan_operands
from genjax.programs._sights import (
    Sight,
    any_along,
    blank,
    contexts,
    everything,
    of_parts,
    of_rank,
    united,
)
from genjax.programs._walk import LoopRule, Step, Value, Walk

LONGEST = 512
"""The most steps of a loop that are followed one by one."""


def scan(walk: Walk, equation: JaxprEqn, values: Sequence[Value]) -> list[Value]:
    """Runs through a scan, step by step: each sees its own items."""
    p = equation.params
    program, length = p["jaxpr"], p["length"]
    consts, carry, items = scan_operands(equation, values)
    carry = list(carry)
    count, outs = len(carry), equation.outvars[len(carry) :]
    if length > LONGEST:
        return _steady_scan(walk, equation, program, consts, carry, items)
    order = range(length - 1, -1, -1) if p["reverse"] else range(length)
    collected: dict[int, list[Value]] = {}
    for step in order:
        parts = [_item(walk, v, step) for v in items]
        found = walk.run(program, [*consts, *carry, *parts])
        carry, collected[step] = list(found[:count]), found[count:]
    stacked = [
        _stacked(walk, [collected[i][place] for i in range(length)], shape_of(out))
        for place, out in enumerate(outs)
    ]
    return [*carry, *stacked]


def while_(walk: Walk, equation: JaxprEqn, values: Sequence[Value]) -> list[Value]:
    """Runs through a loop, as long as constants say that it goes on."""
    p = equation.params
    of_cond, of_body = p["cond_nconsts"], p["body_nconsts"]
    cond, body = values[:of_cond], values[of_cond : of_cond + of_body]
    carry = list(values[of_cond + of_body :])
    for _ in range(LONGEST):
        (goes_on,) = walk.run(p["cond_jaxpr"], [*cond, *carry])
        known = goes_on.value() if isinstance(goes_on, Constant) else None
        if known is None:
            break
        if not known.item():
            return carry
        carry = walk.run(p["body_jaxpr"], [*body, *carry])
    Step(walk, equation, (), ()).unknown("as many steps as data say, or too many")
    state = [_open(walk, v) for v in carry]
    while True:
        (goes_on,) = walk.run(p["cond_jaxpr"], [*cond, *state])
        stops = everything(walk.sight(goes_on))
        found = walk.run(p["body_jaxpr"], [*body, *state])
        after = []
        for a, b in zip(state, found, strict=True):
            whole = of_rank(stops, a.nonzero.ndim - 1)
            after.append(united([a, walk.sight(b), whole]))
        if all(_is_same(a, b) for a, b in zip(after, state, strict=True)):
            return list(state)
        state = after


def cond(walk: Walk, equation: JaxprEqn, values: Sequence[Value]) -> list[Value]:
    """The branch that is known to be taken; or any, and what decides."""
    which, *rest = values
    branches = equation.params["branches"]
    known = which.value() if isinstance(which, Constant) else None
    if known is not None:
        place = int(np.clip(int(known.item()), 0, len(branches) - 1))
        return walk.run(branches[place], rest)
    results = [walk.run(branch, rest) for branch in branches]
    decides = everything(walk.sight(which))
    merged: list[Value] = []
    for each in zip(*results, strict=True):
        sights = [walk.sight(v) for v in each]
        rank = sights[0].nonzero.ndim - 1
        found = united([of_rank(decides, rank), *sights])
        merged.append(found)
    return merged


def _steady_scan(
    walk: Walk,
    equation: JaxprEqn,
    program: ClosedJaxpr,
    consts: Sequence[Value],
    carry: list[Value],
    items: Sequence[Value],
) -> list[Value]:
    """A long loop: carries see what they ever see, and all of what is scanned."""
    Step(walk, equation, (), ()).unknown(f"more than {LONGEST} steps: taken together")
    parts = [_mixed(walk.sight(v)) for v in items]
    start = [_open(walk, v) for v in carry]
    found: list[Value] = []
    while True:
        found = walk.run(program, [*consts, *start, *parts])
        after = [united([a, walk.sight(b)]) for a, b in zip(start, found, strict=False)]
        if all(_is_same(a, b) for a, b in zip(after, start, strict=True)):
            break
        start = after
    count = len(carry)
    outs = [walk.sight(v) for v in found[count:]]
    return [*start, *(s.moved(lambda p: p[None]) for s in outs)]


def _mixed(sight: Sight) -> Sight:
    """One item of a scan, whichever it is."""
    return sight.moved(lambda part: any_along(part, [0], keep=False))


def _item(walk: Walk, value: Value, step: int) -> Value:
    if isinstance(value, Constant):

        def compute() -> np.ndarray | None:
            whole = value.value()
            if whole is None:
                return None
            whole = at_rank(whole, len(value.shape))
            return np.asarray(whole[step if whole.shape[0] > 1 else 0])

        return Constant(value.shape[1:], compute)
    return value.moved(lambda part: part[step if part.shape[0] > 1 else 0])


def _stacked(walk: Walk, values: Sequence[Value], shape: tuple[int, ...]) -> Value:
    if not values:
        return blank(walk.widths, len(shape))
    known = [v for v in values if isinstance(v, Constant)]
    if len(known) == len(values):
        return Constant(shape, partial(_stacked_values, known))
    sights = [walk.sight(v) for v in values]
    parts = []
    for each in zip(*(s.parts for s in sights), strict=True):
        stacked = np.stack(np.broadcast_arrays(*each))
        is_one = all(np.array_equal(a, each[0]) for a in each[1:])
        parts.append(stacked[:1] if is_one else stacked)
    return of_parts(parts, contexts(sights))


def _stacked_values(constants: Sequence[Constant]) -> np.ndarray | None:
    values = [constant.whole() for constant in constants]
    there = [value for value in values if value is not None]
    return np.stack(there) if len(there) == len(values) else None


def _open(walk: Walk, value: Value) -> Sight:
    """A value of which only what it sees is known."""
    sight = walk.sight(value)
    ones = np.ones_like(sight.nonzero)
    return replace(sight, nonzero=ones, alive=ones)


def _is_same(one: Sight, other: Sight) -> bool:
    return (
        all((a == b).all() for a, b in zip(one.seen, other.seen, strict=True))
        and one.context == other.context
    )


LOOPS: dict[str, LoopRule] = {"scan": scan, "while": while_, "cond": cond}
