"""Values of a program that depend on no input, computed where they decide something."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.core import trace_state_clean
from jax.extend.core import JaxprEqn

Atom: TypeAlias = Any
"""A variable or a literal of a jaxpr."""

LARGEST = 2**22
"""The most elements of a constant that are looked at."""

KEEP_ZERO = frozenset(
    [
        "abs",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "cbrt",
        "ceil",
        "convert_element_type",
        "copy",
        "erf",
        "erf_inv",
        "expm1",
        "floor",
        "imag",
        "integer_pow",
        "log1p",
        "neg",
        "optimization_barrier",
        "real",
        "reduce_precision",
        "round",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "square",
        "stop_gradient",
        "tan",
        "tanh",
    ]
)
"""Functions of one argument that are 0 at 0."""

KEEP_DEAD = frozenset(
    [
        "convert_element_type",
        "copy",
        "optimization_barrier",
        "reduce_precision",
        "stop_gradient",
    ]
)

ELEMENTWISE = KEEP_ZERO | frozenset(
    [
        "acos",
        "acosh",
        "add",
        "add_any",
        "and",
        "atan2",
        "bessel_i0e",
        "bessel_i1e",
        "clamp",
        "clz",
        "complex",
        "conj",
        "cos",
        "cosh",
        "digamma",
        "div",
        "eq",
        "erfc",
        "exp",
        "exp2",
        "ge",
        "gt",
        "igamma",
        "igammac",
        "is_finite",
        "le",
        "lgamma",
        "log",
        "logistic",
        "lt",
        "max",
        "min",
        "mul",
        "ne",
        "nextafter",
        "not",
        "or",
        "polygamma",
        "population_count",
        "pow",
        "rem",
        "rsqrt",
        "shift_left",
        "shift_right_arithmetic",
        "shift_right_logical",
        "sub",
        "xor",
        "zeta",
        "bitcast_convert_type",
        "igamma_grad_a",
        "le_to",
        "lt_to",
        "mulhi",
        "random_gamma_grad",
        "regularized_incomplete_beta",
    ]
)


@dataclass(frozen=True)
class Constant:
    """A value that depends on no input, computed when it is asked for.

    Attributes:
        shape: its own.
        compute: returns it, broadcastable to the shape; None where it is not known, or
            too large to be looked at.
    """

    shape: tuple[int, ...]
    compute: Callable[[], np.ndarray | None] = lambda: None
    _kept: list[Any] = field(default_factory=list, repr=False, compare=False)

    def value(self) -> np.ndarray | None:
        """Returns the value, with axes of size 1 where all are the same."""
        if not self._kept:
            self._kept.append(self.compute())
        return self._kept[0]

    def whole(self) -> np.ndarray | None:
        """Returns the value in its full shape, where that is not too large."""
        value = self.value()
        if value is None or math.prod(self.shape) > LARGEST:
            return None
        return np.broadcast_to(value, self.shape)


def shape_of(variable: Atom) -> tuple[int, ...]:
    """The shape of a variable."""
    return tuple(variable.aval.shape)


def at_once() -> AbstractContextManager[None]:
    """Computes now, where a program is being traced as well."""
    if trace_state_clean():
        return nullcontext()
    return jax.ensure_compile_time_eval()


def constants(equation: JaxprEqn, values: Sequence[Constant]) -> list[Constant]:
    """What an equation makes of constants, computed when it is asked for.

    Random numbers, of which parameters are made, are not drawn.
    """
    shapes = [shape_of(v) for v in equation.outvars]
    atoms = (*equation.invars, *equation.outvars)
    if equation.primitive.name.startswith(("random_", "threefry", "rng_")) or any(
        jax.dtypes.issubdtype(_dtype(v), jax.dtypes.extended) for v in atoms
    ):
        return [Constant(shape) for shape in shapes]

    @cache
    def results() -> list[np.ndarray] | None:
        return _evaluated(equation, values)

    def compute(place: int) -> np.ndarray | None:
        found = results()
        return None if found is None else found[place]

    return [Constant(shape, partial(compute, i)) for i, shape in enumerate(shapes)]


def _evaluated(
    equation: JaxprEqn, values: Sequence[Constant]
) -> list[np.ndarray] | None:
    """The results of an equation, with axes of size 1 where all are the same."""
    name, shape = equation.primitive.name, shape_of(equation.outvars[0])
    if name == "iota":
        axis = equation.params["dimension"]
        sides = [1] * len(shape)
        sides[axis] = shape[axis]
        places = np.arange(shape[axis]).astype(equation.params["dtype"])
        return [places.reshape(sides)]
    spreads = name == "broadcast_in_dim" or name in ELEMENTWISE or name == "select_n"
    given = [v.value() if spreads else v.whole() for v in values]
    there = [g for g in given if g is not None]
    if len(there) < len(given):
        return None
    if name == "broadcast_in_dim":
        value = at_rank(there[0], len(values[0].shape))
        sides = [1] * len(shape)
        for axis, place in enumerate(equation.params["broadcast_dimensions"]):
            sides[place] = value.shape[axis]
        return [value.reshape(sides)]
    if spreads:
        there = list(np.broadcast_arrays(*(at_rank(g, len(shape)) for g in there)))
        size = there[0].size
    else:
        size = max(math.prod(shape_of(v)) for v in equation.outvars)
    if size > LARGEST:
        return None
    with at_once():
        arrays = [
            jnp.asarray(g, _dtype(v))
            for g, v in zip(there, equation.invars, strict=True)
        ]
        found = equation.primitive.bind(*arrays, **equation.params)
    return [
        np.asarray(f)
        for f in (found if equation.primitive.multiple_results else [found])
    ]


def at_rank(value: np.ndarray, rank: int) -> np.ndarray:
    """A value with axes of size 1 before its own."""
    return value.reshape((1,) * (rank - value.ndim) + value.shape)


def _dtype(atom: Atom) -> Any:
    return atom.aval.dtype
