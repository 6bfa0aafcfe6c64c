"""Receptive fields of any JAX function, read off its jaxpr; nothing is executed.

Every intermediate carries, for each axis of the input, the interval that each of its
positions sees. Convolutions, pooling, padding, slices, reshapes and the like move the
intervals exactly; element-wise operations unite them; whatever has no rule sees all
that its operands see.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn

from genjax.programs._intervals import (
    Sight,
    Span,
    collapse,
    constant,
    gathered,
    union,
    whole_input,
)
from genjax.programs._nested import Analysis, Rule, interpret, scan_operands
from genjax.typing import Input, Output

Atom: TypeAlias = Any
"""A variable or a literal of a jaxpr."""


def dependence(function: Callable[..., Output], x: Input) -> tuple[list[Sight], Output]:
    """Tells what each position of a function's outputs sees of its input.

    Nothing is executed: the answer is read off the jaxpr.

    Args:
        function: of one array; parameters and other inputs are to be closed over.
        x: the input, or its shape as `jax.ShapeDtypeStruct`.

    Returns:
        For each output, flattened, one `Span` for each axis of the input: the first and
        the last position that are seen, `[size of an axis of the output]`; and the
        outputs' shapes.

    >>> import jax
    >>> from genjax.programs import dependence
    >>> x = jax.ShapeDtypeStruct((3,), "float32")
    >>> sights, _ = dependence(lambda x: x[1:] + x[:-1], x)
    >>> sights[0][0].low.tolist(), sights[0][0].high.tolist()
    ([0.0, 1.0], [1.0, 2.0])
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(x)
    sights = _walk(closed.jaxpr, [whole_input(np.shape(x))], len(np.shape(x)))
    return sights, shapes


def _walk(jaxpr: Jaxpr, inputs: Sequence[Sight], axes: int) -> list[Sight]:
    return interpret(Analysis(constant(axes), RULES, _any_operand), jaxpr, inputs)


def _shape(variable: Atom) -> tuple[int, ...]:
    return tuple(variable.aval.shape)


def _any_operand(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    """Element by element where the shapes agree; all of the operands otherwise."""
    if not operands:
        return [()] * len(equation.outvars)
    return [_united(equation, operands, _shape(out)) for out in equation.outvars]


def _united(
    equation: JaxprEqn, operands: Sequence[Sight], shape: tuple[int, ...]
) -> Sight:
    elementwise = equation.primitive.name in ELEMENTWISE
    aligned = [
        sight if elementwise and _shape(v) == shape else _everything(sight)
        for v, sight in zip(equation.invars, operands, strict=True)
    ]
    return union(aligned)


def _everything(sight: Sight) -> Sight:
    return tuple(collapse(span) for span in sight)


def _along(
    sight: Sight,
    windows: Mapping[int, Sequence[np.ndarray]],
    places: Sequence[int | None],
) -> Sight:
    """Moves every span to its axis in the result.

    Args:
        sight: of the operand.
        windows: operand axis -> for each new position, the old ones.
        places: operand axis -> its axis in the result, None where it is summed over.
    """

    def one(span: Span) -> Span:
        if span.axis is None:
            return span
        place = places[span.axis]
        if place is None:
            return collapse(span)
        if span.axis in windows:
            span = gathered(span, windows[span.axis])
        return span._replace(axis=place)

    return tuple(one(span) for span in sight)


def _windows(
    size: int,
    out: int,
    *,
    taps: int,
    stride: int,
    low: int,
    dilation: int = 1,
    holes: int = 1,
) -> list[np.ndarray]:
    """The positions under each window of a convolution or a pooling.

    `low` positions are put before, `holes - 1` between the operand's.
    """
    windows = []
    for place in range(out):
        touched = place * stride - low + dilation * np.arange(taps)
        real = touched[(touched % holes == 0)] // holes
        windows.append(real[(real >= 0) & (real < size)])
    return windows


def _convolution(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    p = equation.params
    lhs, rhs, out = p["dimension_numbers"]
    shape, kernel = (_shape(v) for v in equation.invars)
    result = _shape(equation.outvars[0])
    places: list[int | None] = [None] * len(shape)
    places[lhs[0]] = out[0]
    windows = {}
    for i, axis in enumerate(lhs[2:]):
        places[axis] = out[2 + i]
        windows[axis] = _windows(
            shape[axis],
            result[out[2 + i]],
            taps=kernel[rhs[2 + i]],
            stride=p["window_strides"][i],
            low=p["padding"][i][0],
            dilation=p["rhs_dilation"][i],
            holes=p["lhs_dilation"][i],
        )
    return [union([_along(operands[0], windows, places), _everything(operands[1])])]


def _pooling(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    p = equation.params
    shape, result = _shape(equation.invars[0]), _shape(equation.outvars[0])
    windows = {
        axis: _windows(
            size,
            result[axis],
            taps=p["window_dimensions"][axis],
            stride=p["window_strides"][axis],
            low=p["padding"][axis][0],
            dilation=p["window_dilation"][axis],
            holes=p["base_dilation"][axis],
        )
        for axis, size in enumerate(shape)
    }
    return [_along(operands[0], windows, range(len(shape)))] * len(equation.outvars)


def _pad(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    shape, result = _shape(equation.invars[0]), _shape(equation.outvars[0])
    windows = {
        axis: _windows(
            shape[axis],
            result[axis],
            taps=1,
            stride=1,
            low=int(low),
            holes=int(inner) + 1,
        )
        for axis, (low, _, inner) in enumerate(equation.params["padding_config"])
    }
    padded = _along(operands[0], windows, range(len(shape)))
    return [union([padded, _everything(operands[1])])]


def _slice(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    p = equation.params
    result = _shape(equation.outvars[0])
    strides = p["strides"] or (1,) * len(result)
    windows = {
        axis: [np.array([start + step * i]) for i in range(result[axis])]
        for axis, (start, step) in enumerate(
            zip(p["start_indices"], strides, strict=True)
        )
    }
    return [_along(operands[0], windows, range(len(result)))]


def _reverse(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    shape = _shape(equation.invars[0])
    windows = {
        axis: [np.array([shape[axis] - 1 - i]) for i in range(shape[axis])]
        for axis in equation.params["dimensions"]
    }
    return [_along(operands[0], windows, range(len(shape)))]


def _transpose(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    order = list(equation.params["permutation"])
    return [_along(operands[0], {}, [order.index(a) for a in range(len(order))])]


def _broadcast(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    shape, result = _shape(equation.invars[0]), _shape(equation.outvars[0])
    places = equation.params["broadcast_dimensions"]
    windows = {
        axis: [np.array([0])] * result[place]
        for axis, place in enumerate(places)
        if shape[axis] == 1
    }
    return [_along(operands[0], windows, places)]


def _concatenate(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    axis = equation.params["dimension"]
    sizes = [_shape(v)[axis] for v in equation.invars]
    starts = np.cumsum([0, *sizes])
    parts = [
        tuple(_put(span, axis, int(start), size, int(starts[-1])) for span in sight)
        for sight, size, start in zip(operands, sizes, starts, strict=False)
    ]
    return [union(parts)]


def _put(span: Span, axis: int, start: int, size: int, total: int) -> Span:
    """The sight of one part of a longer axis, whose other parts see nothing."""
    if span.axis not in (None, axis):
        return span
    low, high = np.full(total, np.inf), np.full(total, -np.inf)
    low[start : start + size], high[start : start + size] = span.low, span.high
    return Span(axis, low, high)


def _reduce(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    summed = equation.params["axes"]
    rank = len(_shape(equation.invars[0]))
    kept = [axis for axis in range(rank) if axis not in summed]
    places = [kept.index(a) if a in kept else None for a in range(rank)]
    return [
        union([_along(sight, {}, places) for sight in operands])
        for _ in equation.outvars
    ]


def _squeeze(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    gone = {a % len(_shape(equation.invars[0])) for a in equation.params["dimensions"]}
    kept = [a for a in range(len(_shape(equation.invars[0]))) if a not in gone]
    places = [
        kept.index(a) if a in kept else None for a in range(len(gone) + len(kept))
    ]
    return [_along(operands[0], {}, places)]


def _reshape(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    """Follows an axis into the one that holds it; a split one is seen whole."""
    old, new = _shape(equation.invars[0]), _shape(equation.outvars[0])

    def one(span: Span) -> Span:
        if span.axis is None or 0 in old:
            return collapse(span)
        before, size = int(np.prod(old[: span.axis])), old[span.axis]
        after = int(np.prod(old[span.axis + 1 :]))
        for axis in range(len(new)):
            left, right = int(np.prod(new[:axis])), int(np.prod(new[axis + 1 :]))
            if before % left or after % right or before * size * after == 0:
                continue
            if new[axis] * left * right == before * size * after and (
                left <= before and right <= after
            ):
                inner, outer = after // right, before // left
                place = np.tile(np.repeat(np.arange(size), inner), outer)
                return Span(axis, span.low[place], span.high[place])
        return collapse(span)

    return [tuple(one(span) for span in operands[0])]


def _dot(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    """Batch and free axes keep their place; the contracted are summed over."""
    (left_sum, right_sum), (left_batch, right_batch) = equation.params[
        "dimension_numbers"
    ]
    sides, offset = [], len(left_batch)
    for variable, summed, batch, sight in zip(
        equation.invars,
        (left_sum, right_sum),
        (left_batch, right_batch),
        operands,
        strict=True,
    ):
        rank = len(_shape(variable))
        free = [a for a in range(rank) if a not in summed and a not in batch]
        places: list[int | None] = [None] * rank
        for place, axis in enumerate(batch):
            places[axis] = place
        for place, axis in enumerate(free):
            places[axis] = offset + place
        offset += len(free)
        sides.append(_along(sight, {}, places))
    return [union(sides)]


def _cumulative(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    axis, size = (
        equation.params["axis"],
        _shape(equation.invars[0])[equation.params["axis"]],
    )
    reverse = equation.params["reverse"]
    windows = {
        axis: [np.arange(i, size) if reverse else np.arange(i + 1) for i in range(size)]
    }
    rank = len(_shape(equation.invars[0]))
    return [_along(operands[0], windows, range(rank))]


def _scan(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    """Carries see what they and the other inputs see, until nothing is added.

    Layers that are scanned over are walked through one by one.
    """
    p = equation.params
    inner, axes = p["jaxpr"].jaxpr, len(operands[0]) if operands else 0
    consts, carry, items = scan_operands(equation, operands)
    # What is scanned over loses its leading axis; its parts are taken together.
    parts = [
        tuple(
            collapse(s) if s.axis in (None, 0) else s._replace(axis=s.axis - 1)
            for s in sight
        )
        for sight in items
    ]
    outputs: list[Sight] = []
    for _ in range(p["length"]):
        found = _walk(inner, [*consts, *carry, *parts], axes)
        carry, fresh = found[: len(carry)], found[len(carry) :]
        fresh = [_everything(sight) for sight in fresh]
        outputs = [union(pair) for pair in zip(outputs, fresh, strict=True)] or fresh
    return [*carry, *outputs]


def _cond(equation: JaxprEqn, operands: Sequence[Sight]) -> list[Sight]:
    """What any branch sees, and what decides between them."""
    which, *rest = operands
    branches = [
        _walk(branch.jaxpr, rest, len(which)) for branch in equation.params["branches"]
    ]
    chosen = _everything(which)
    return [union([chosen, *results]) for results in zip(*branches, strict=True)]


ELEMENTWISE = frozenset(
    {
        "abs",
        "acos",
        "add",
        "add_any",
        "and",
        "asin",
        "atan",
        "atan2",
        "cbrt",
        "ceil",
        "clamp",
        "convert_element_type",
        "copy",
        "cos",
        "cosh",
        "div",
        "eq",
        "erf",
        "erf_inv",
        "erfc",
        "exp",
        "exp2",
        "expm1",
        "floor",
        "ge",
        "gt",
        "integer_pow",
        "is_finite",
        "le",
        "lgamma",
        "log",
        "log1p",
        "logistic",
        "lt",
        "max",
        "min",
        "mul",
        "ne",
        "neg",
        "nextafter",
        "not",
        "optimization_barrier",
        "or",
        "pow",
        "reduce_precision",
        "rem",
        "round",
        "rsqrt",
        "select_n",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "square",
        "stop_gradient",
        "sub",
        "tan",
        "tanh",
        "xor",
    }
)

RULES: dict[str, Rule] = {
    "conv_general_dilated": _convolution,
    **dict.fromkeys(
        (
            "reduce_window_max",
            "reduce_window_min",
            "reduce_window_sum",
            "reduce_window",
        ),
        _pooling,
    ),
    "pad": _pad,
    "slice": _slice,
    "rev": _reverse,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    **dict.fromkeys(
        ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "argmax", "argmin"),
        _reduce,
    ),
    "squeeze": _squeeze,
    "reshape": _reshape,
    "dot_general": _dot,
    **dict.fromkeys(("cumsum", "cummax", "cummin", "cumprod"), _cumulative),
    "scan": _scan,
    "cond": _cond,
}
