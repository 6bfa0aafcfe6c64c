"""What each position of a function's outputs sees of its input, read off its jaxpr.

Nothing is executed and no weight is allocated: every value of the program carries sets
of input positions, one for each axis of the input, which equations move, unite and
contract. Constants are looked at where they decide what is seen: indices, masks, the
zeros of a matrix.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.programs._constants import ELEMENTWISE, KEEP_DEAD, KEEP_ZERO, shape_of
from genjax.programs._loops import LOOPS
from genjax.programs._moves import MOVES
from genjax.programs._sights import Sight, blank, everything, of_rank, united
from genjax.programs._sums import SUMS
from genjax.programs._walk import Notes, SightRule, Step, Visit, Walk
from genjax.typing import Input, Output


class Dependence(NamedTuple):
    """What a function's outputs see of its input.

    Fields:
        sights: for each output, flattened.
        shapes: of the outputs, as the function returns them.
        notes: joins, unknown equations, and unions that are no products.
    """

    sights: list[Sight]
    shapes: Any
    notes: Notes


def dependence(
    function: Callable[..., Output],
    x: Input,
    *parameters: Any,
    by_element: bool = False,
    whole: bool = True,
    constants: bool = True,
    narrow: bool = False,
    visit: Visit | None = None,
) -> Dependence:
    """Tells what each position of a function's outputs sees of its first argument.

    Nothing is executed: the answer is read off the jaxpr.

    Args:
        function: of the input, and of parameters, whose values count for nothing.
        x: the input, or its shape as `jax.ShapeDtypeStruct`.
        parameters: further arguments, or their shapes.
        by_element: follow every element of the input by itself, not the positions
            along each axis: for small inputs.
        whole: whether reductions over all that there is, such as a normalisation over
            space, count as seen. Otherwise they are named in `context`.
        constants: whether the zeros of closed-over JAX arrays of real numbers are
            zeros; so they are in masks, and not in parameters. Those of NumPy are.
        narrow: where paths come together, follow the one that sees least.
        visit: called with every equation that depends on the input, what its operands
            see, and what its first result sees.

    Returns:
        For each output, flattened, one array for each axis of the input, `[..., size +
        1]`: the positions that are seen; one more stands for the zeros of a padding.

    >>> import jax
    >>> from genjax.programs import dependence
    >>> x = jax.ShapeDtypeStruct((3,), "float32")
    >>> found = dependence(lambda x: x[1:] + x[:-1], x)
    >>> found.sights[0].seen[0][:, :3].astype(int).tolist()
    [[1, 1, 0], [0, 1, 1]]
    """
    trace = jax.make_jaxpr(function, return_shape=True)
    closed, shapes = trace(x, *parameters)
    shape = tuple(np.shape(x))
    first = _elements(shape) if by_element else _positions(shape)
    widths = tuple(part.shape[-1] for part in first.seen)
    walk = Walk(
        widths,
        whole=whole,
        constants=constants,
        narrow=narrow,
        visit=visit,
        rules=RULES,
        loops=LOOPS,
        otherwise=_otherwise,
    )
    others = [blank(widths, len(shape_of(v))) for v in closed.jaxpr.invars[1:]]
    sights = [walk.sight(value) for value in walk.run(closed, [first, *others])]
    return Dependence(sights, shapes, walk.notes)


def _positions(shape: Sequence[int]) -> Sight:
    """Each position of the input sees itself, along each axis."""
    rank = len(shape)
    seen = tuple(
        np.eye(size, size + 1, dtype=bool).reshape(
            (1,) * axis + (size,) + (1,) * (rank - axis - 1) + (size + 1,)
        )
        for axis, size in enumerate(shape)
    )
    return replace(blank((1,) * rank, rank), seen=seen)


def _elements(shape: Sequence[int]) -> Sight:
    size = math.prod(shape)
    seen = np.eye(size, size + 1, dtype=bool).reshape((*shape, size + 1))
    return replace(blank((1,), len(shape)), seen=(seen,))


def _elementwise(step: Step) -> Sight:
    """What any operand sees, and what is known of the value."""
    rank, name = len(step.result), step.name
    sights = [s if s.nonzero.ndim > 1 else of_rank(s, rank) for s in step.sights]
    result, first, last = step.joined(sights), sights[0], sights[-1]
    nonzero, alive = result.nonzero, result.alive
    if name in ("mul", "and"):
        nonzero = first.nonzero & last.nonzero
    elif name in ("add", "add_any", "sub", "or", "xor", "max", "min"):
        nonzero = first.nonzero | last.nonzero
    elif name in ("exp", "exp2", "logistic"):
        nonzero = first.alive
    elif name == "div" or (name in KEEP_ZERO and step.params.get("y", 1) > 0):
        nonzero = first.nonzero
    if name in ("add", "add_any"):
        alive = first.alive & last.alive
    elif name == "max":
        alive = first.alive | last.alive
    elif name == "sub":  # of two that are dead, nothing is known
        alive = first.alive | ~last.alive
    elif name in KEEP_DEAD:
        alive = first.alive
    return replace(result, nonzero=nonzero, alive=alive)


def _passed(step: Step) -> list[Sight]:
    """What goes through as it is."""
    return list(step.sights)


def _otherwise(step: Step) -> list[Sight]:
    """All that any operand sees."""
    step.unknown()
    seen = united([of_rank(everything(s), 0) for s in step.sights])
    return [of_rank(seen, len(shape_of(v))) for v in step.equation.outvars]


RULES: dict[str, SightRule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(("device_put", "sharding_constraint", "name"), _passed),
    **SUMS,
    **MOVES,
}
