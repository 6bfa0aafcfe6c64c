"""How each primitive of a traced program is solved for an input that is not known."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.typing import Array

Solution = tuple[Array, Array]
"""The unknown input, and the log-derivatives of the output in it."""


class Equation(NamedTuple):
    """A step of a program whose inner programs are written out.

    Inputs are the numbers of values, or constants.
    """

    name: str
    evaluate: Callable[..., Sequence[Array]]
    params: dict[str, Any]
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...]


def _unary(
    inverse: Callable[[Array], Array],
    log_slope: Callable[[Array], Array] | None = None,
) -> Callable[..., Solution]:
    """The rule of an element-wise map; its slope by autodiff where none is given."""

    def rule(equation: Equation, y: Array, inputs: Any, place: int) -> Solution:
        del inputs, place
        x = inverse(y)
        if log_slope is not None:
            return x, log_slope(x)
        _, slope = jax.jvp(lambda x: equation.evaluate(x)[0], (x,), (jnp.ones_like(x),))
        return x, jnp.log(jnp.abs(slope))

    return rule


def _add(equation: Equation, y: Array, inputs: Any, place: int) -> Solution:
    del equation
    return y - inputs[1 - place], jnp.zeros_like(y)


def _subtract(equation: Equation, y: Array, inputs: Any, place: int) -> Solution:
    del equation
    return (inputs[0] - y if place else y + inputs[1]), jnp.zeros_like(y)


def _multiply(equation: Equation, y: Array, inputs: Any, place: int) -> Solution:
    del equation
    other = jnp.broadcast_to(inputs[1 - place], y.shape)
    return y / other, jnp.log(jnp.abs(other))


def _divide(equation: Equation, y: Array, inputs: Any, place: int) -> Solution:
    del equation
    if place:
        x = inputs[0] / y
        return x, jnp.log(jnp.abs(y / x))
    divisor = jnp.broadcast_to(inputs[1], y.shape)
    return y * divisor, -jnp.log(jnp.abs(divisor))


def _integer_power(
    equation: Equation, y: Array, inputs: Any, place: int
) -> Solution | None:
    del inputs, place
    exponent = equation.params["y"]
    if exponent % 2 == 0:
        return None
    x = jnp.sign(y) * jnp.abs(y) ** (1 / exponent)
    return x, math.log(abs(exponent)) + (exponent - 1) * jnp.log(jnp.abs(x))


def _power(equation: Equation, y: Array, inputs: Any, place: int) -> Solution | None:
    del equation
    if place:
        log_base = jnp.log(inputs[0])
        return jnp.log(y) / log_base, jnp.log(jnp.abs(y * log_base))
    exponent = inputs[1]
    x = y ** (1 / exponent)
    return x, jnp.log(jnp.abs(exponent)) + (exponent - 1) * jnp.log(x)


def _cumulative_sum(equation: Equation, y: Array, inputs: Any, place: int) -> Solution:
    del inputs, place
    axis, backwards = equation.params["axis"], equation.params["reverse"]
    y = jnp.flip(y, axis) if backwards else y
    zero = jnp.zeros_like(jax.lax.slice_in_dim(y, 0, 1, axis=axis))
    x = jnp.diff(y, axis=axis, prepend=zero)
    return (jnp.flip(x, axis) if backwards else x), jnp.zeros_like(y)


def _matrix_product(
    equation: Equation, y: Array, inputs: Any, place: int
) -> Solution | None:
    """`y = x W` for one square matrix and any number of rows, on either side."""
    contracting, batched = equation.params["dimension_numbers"]
    matrix = inputs[1 - place]
    if batched[0] or len(contracting[0]) != 1 or matrix.ndim != 2:
        return None
    if matrix.shape[0] != matrix.shape[1]:
        return None
    (axis,), (of_matrix,) = contracting[place], contracting[1 - place]
    # The output's axes: the left operand's free ones, then the right operand's.
    rows = jnp.moveaxis(y, 0, -1) if place else y
    matrix = matrix if of_matrix == 0 else matrix.T
    flat = rows.reshape(-1, rows.shape[-1])
    x = jnp.linalg.solve(matrix.T, flat.T).T.reshape(rows.shape)
    log_det = jnp.linalg.slogdet(matrix)[1] * len(flat)
    return jnp.moveaxis(x, -1, axis), log_det


MOVEMENTS = {
    "broadcast_in_dim",
    "concatenate",
    "copy",
    "dynamic_slice",
    "gather",
    "reshape",
    "rev",
    "slice",
    "split",
    "squeeze",
    "stack",
    "transpose",
}
"""Primitives that only move elements."""

INDEXED = {"gather", "dynamic_slice"}
"""Those of them whose later inputs say where."""

NAMED = {"softplus"}
"""Functions that are solved as a whole."""

RULES: dict[str, Callable[..., Solution | None]] = {
    "add": _add,
    "add_any": _add,
    "sub": _subtract,
    "mul": _multiply,
    "div": _divide,
    "integer_pow": _integer_power,
    "pow": _power,
    "neg": _unary(jnp.negative),
    "exp": _unary(jnp.log, lambda x: x),
    "exp2": _unary(jnp.log2),
    "log": _unary(jnp.exp, lambda x: -jnp.log(x)),
    "expm1": _unary(jnp.log1p, lambda x: x),
    "log1p": _unary(jnp.expm1, lambda x: -jnp.log1p(x)),
    "sqrt": _unary(lambda y: jnp.where(y >= 0, y**2, jnp.nan)),
    "rsqrt": _unary(lambda y: jnp.where(y > 0, y**-2, jnp.nan)),
    "cbrt": _unary(lambda y: y**3),
    "sinh": _unary(jnp.arcsinh),
    "asinh": _unary(jnp.sinh),
    "tanh": _unary(
        jnp.arctanh, lambda x: 2 * (math.log(2) - x - jax.nn.softplus(-2 * x))
    ),
    "atanh": _unary(jnp.tanh),
    "atan": _unary(jnp.tan),
    "logistic": _unary(
        jax.scipy.special.logit,
        lambda x: jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-x),
    ),
    "softplus": _unary(lambda y: y + jnp.log(-jnp.expm1(-y)), jax.nn.log_sigmoid),
    "erf": _unary(jax.lax.erf_inv),
    "erf_inv": _unary(jax.lax.erf),
    "convert_element_type": _unary(lambda y: y),
    "cumsum": _cumulative_sum,
    "dot_general": _matrix_product,
}
"""How each primitive is solved for the one input that is not known."""
