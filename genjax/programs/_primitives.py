"""How each primitive of a traced program is solved for an input that is not known."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.typing import Array


class Equation(NamedTuple):
    """A step of a program whose inner programs are written out.

    Inputs are the numbers of values, or constants.
    """

    name: str
    evaluate: Callable[..., Sequence[Array]]
    params: dict[str, Any]
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...]


Inputs = Sequence[Array | None]
"""An equation's inputs, None in the place of the unknown one."""


class Rule(NamedTuple):
    """How an equation is solved for one of its inputs.

    Fields:
        solve: `(equation, y, inputs, place) -> x`, or None where the equation's
            settings have no inverse.
        log_slope: `(equation, x, y, inputs, place) -> log|dy/dx|`, summed or not.
    """

    solve: Callable[[Equation, Array, Inputs, int], Array | None]
    log_slope: Callable[[Equation, Array, Array, Inputs, int], Array]


def _unary(
    inverse: Callable[[Array], Array],
    log_slope: Callable[[Array], Array] | None = None,
) -> Rule:
    """The rule of an element-wise map; its slope by autodiff where none is given."""

    def by_autodiff(
        equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
    ) -> Array:
        del y, inputs, place
        if log_slope is not None:
            return log_slope(x)
        ones = jnp.ones_like(x)
        _, slope = jax.jvp(lambda x: equation.evaluate(x)[0], (x,), (ones,))
        return jnp.log(jnp.abs(slope))

    return Rule(lambda equation, y, inputs, place: inverse(y), by_autodiff)


def _no_slope(
    equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
) -> Array:
    del equation, x, inputs, place
    return jnp.zeros_like(y)


def _other(y: Array, inputs: Inputs, place: int) -> Array:
    return jnp.broadcast_to(jnp.asarray(inputs[1 - place]), y.shape)


def _subtract(equation: Equation, y: Array, inputs: Inputs, place: int) -> Array:
    del equation
    other = _other(y, inputs, place)
    return other - y if place else y + other


def _multiply_slope(
    equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
) -> Array:
    del equation, x
    return jnp.log(jnp.abs(_other(y, inputs, place)))


def _divide(equation: Equation, y: Array, inputs: Inputs, place: int) -> Array:
    del equation
    other = _other(y, inputs, place)
    return other / y if place else y * other


def _divide_slope(
    equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
) -> Array:
    del equation
    if place:
        return jnp.log(jnp.abs(y / x))
    return -jnp.log(jnp.abs(_other(y, inputs, place)))


def _integer_power(
    equation: Equation, y: Array, inputs: Inputs, place: int
) -> Array | None:
    del inputs, place
    return _odd_root(y, equation.params["y"])


def _odd_root(y: Array, exponent: int) -> Array | None:
    if exponent % 2 == 0:
        return None
    return jnp.sign(y) * jnp.abs(y) ** (1 / exponent)


def _integer_power_slope(
    equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
) -> Array:
    del y, inputs, place
    exponent = equation.params["y"]
    return math.log(abs(exponent)) + (exponent - 1) * jnp.log(jnp.abs(x))


def _power(equation: Equation, y: Array, inputs: Inputs, place: int) -> Array | None:
    other = _other(y, inputs, place)
    if place:
        return jnp.log(y) / jnp.log(other)
    exponent = equation.inputs[1]
    if isinstance(exponent, np.ndarray) and (exponent == np.round(exponent)).all():
        whole = np.unique(exponent)
        return _odd_root(y, int(whole[0])) if len(whole) == 1 else None
    # Other powers are those of positive numbers.
    return jnp.where(y > 0, y, jnp.nan) ** (1 / other)


def _power_slope(
    equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
) -> Array:
    del equation
    other = _other(y, inputs, place)
    if place:
        return jnp.log(jnp.abs(y * jnp.log(other)))
    return jnp.log(jnp.abs(other)) + (other - 1) * jnp.log(jnp.abs(x))


def _cumulative_sum(equation: Equation, y: Array, inputs: Inputs, place: int) -> Array:
    del inputs, place
    axis, backwards = equation.params["axis"], equation.params["reverse"]
    y = jnp.flip(y, axis) if backwards else y
    zero = jnp.zeros_like(jax.lax.slice_in_dim(y, 0, 1, axis=axis))
    x = jnp.diff(y, axis=axis, prepend=zero)
    return jnp.flip(x, axis) if backwards else x


def _matrix_product(
    equation: Equation, y: Array, inputs: Inputs, place: int
) -> Array | None:
    """`y = x W` for one square matrix and any number of rows, on either side."""
    contracting, batched = equation.params["dimension_numbers"]
    matrix = jnp.asarray(inputs[1 - place])
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
    return jnp.moveaxis(x, -1, axis)


def _matrix_slope(
    equation: Equation, x: Array, y: Array, inputs: Inputs, place: int
) -> Array:
    del equation, y
    matrix = jnp.asarray(inputs[1 - place])
    return jnp.linalg.slogdet(matrix)[1] * (x.size // len(matrix))


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

_ADD = Rule(lambda e, y, inputs, place: y - _other(y, inputs, place), _no_slope)

RULES: dict[str, Rule] = {
    "add": _ADD,
    "add_any": _ADD,
    "sub": Rule(_subtract, _no_slope),
    "mul": Rule(
        lambda e, y, inputs, place: y / _other(y, inputs, place), _multiply_slope
    ),
    "div": Rule(_divide, _divide_slope),
    "integer_pow": Rule(_integer_power, _integer_power_slope),
    "pow": Rule(_power, _power_slope),
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
    "atan": _unary(lambda y: jnp.where(jnp.abs(y) < math.pi / 2, jnp.tan(y), jnp.nan)),
    "logistic": _unary(
        jax.scipy.special.logit,
        lambda x: jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-x),
    ),
    "softplus": _unary(lambda y: y + jnp.log(-jnp.expm1(-y)), jax.nn.log_sigmoid),
    "erf": _unary(jax.lax.erf_inv),
    "erf_inv": _unary(jax.lax.erf),
    "convert_element_type": _unary(lambda y: y),
    "cumsum": Rule(_cumulative_sum, _no_slope),
    "dot_general": Rule(_matrix_product, _matrix_slope),
}
"""How each primitive is solved for the one input that is not known."""
