"""Dormand and Prince's method in steps that fit an error, with an adjoint."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from genjax.errors import InputError
from genjax.flow_matching._solvers import Derivative, Integrator
from genjax.typing import Array, Float, Scalar, Tree

NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
"""The last stage is the step of order 5 itself."""
ERROR = (
    71 / 57600,
    0.0,
    -71 / 16695,
    71 / 1920,
    -17253 / 339200,
    22 / 525,
    -1 / 40,
)
"""What the step of order 5 differs by from that of order 4."""

Flat = Float[Array, " n"]
Field = Callable[..., Flat]
"""`(state, time, *constants) -> derivative`."""


class _Progress(NamedTuple):
    """How far the method has come, of the way from 0 to 1.

    Fields:
        time: reached.
        state: there.
        slope: there.
        step: that is tried next.
        tries: steps so far, refused ones too.
    """

    time: Scalar
    state: Flat
    slope: Flat
    step: Scalar
    tries: Array


def adaptive(*, tolerance: float = 1e-5, most: int = 10_000) -> Integrator:
    """Follows a field by Dormand and Prince's method, in steps that fit an error.

    A step is refused where its error is above the tolerance, or anything in it is not
    finite. Where the end is not reached, because the steps have become as small as the
    precision of the time or as many as `most`, the result is NaN.

    Gradients solve the adjoint equation backwards in time: memory does not grow with
    the steps, and reverse mode is the only one. The steps are those of the whole state:
    one for all rows of a batch.

    The state and its derivative are pytrees `[b, ...]` alike, times are scalars.

    Args:
        tolerance: of a step's error, relative and absolute; float32 reaches 1e-6.
        most: steps that are tried.

    Raises:
        InputError: `tolerance` or `most` is not positive.

    Source: Dormand and Prince, 1980; Chen, Rubanova, Bettencourt and Duvenaud, 2018,
    arXiv:1806.07366.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import adaptive
    >>> x = adaptive()(lambda x, t: -x, jnp.array(1.0), 1.0, 0.0)
    >>> round(float(x), 3)
    2.718
    """
    if not (tolerance > 0 and most > 0):
        raise InputError(
            f"adaptive: tolerance and most must be positive, got {tolerance} and "
            f"{most}."
        )

    def integrate(field: Derivative, state: Tree, start: float, stop: float) -> Tree:
        span = stop - start
        flat, unravel = ravel_pytree(state)

        # The time runs from 0 to 1, in either direction of the field's own.
        def along(flat: Flat, share: Scalar) -> Flat:
            slope = field(unravel(flat), start + span * share)
            return (span * ravel_pytree(slope)[0]).astype(flat.dtype)

        closed, constants = jax.closure_convert(along, flat, jnp.zeros((), flat.dtype))
        return unravel(_solve(closed, tolerance, most, flat, *constants))

    return integrate


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _solve(
    field: Field, tolerance: float, most: int, state: Flat, *constants: Array
) -> Flat:
    """The state at time 1 of that at time 0; NaN where it is not reached."""
    zero = jnp.zeros((), state.dtype)

    def at(state: Flat, time: Scalar) -> Flat:
        return field(state, time, *constants)

    def going(now: _Progress) -> Array:
        is_moving = now.time + now.step > now.time
        return (now.time < 1) & is_moving & (now.tries < most)

    def advance(now: _Progress) -> _Progress:
        step = jnp.minimum(now.step, 1 - now.time)
        slopes = [now.slope]
        for node, weights in zip(NODES, STAGES, strict=True):
            reached = now.state + step * _weighted(weights, slopes)
            slopes.append(at(reached, now.time + node * step))
        error = step * _weighted(ERROR, slopes)
        allowed = jnp.maximum(jnp.abs(now.state), jnp.abs(reached)) + 1
        ratio = _size(error / (tolerance * allowed))
        is_finite = jnp.isfinite(ratio) & jnp.all(jnp.isfinite(slopes[-1]))
        fits = is_finite & (ratio <= 1)
        factor = jnp.clip(0.9 * jnp.maximum(ratio, 1e-10) ** -0.2, 0.2, 10.0)
        arrived = jnp.where(now.step >= 1 - now.time, 1, now.time + step)
        return _Progress(
            jnp.where(fits, arrived, now.time),
            jnp.where(fits, reached, now.state),
            jnp.where(fits, slopes[-1], now.slope),
            # Where the last step was cut short, the one before it goes on.
            step * jnp.where(is_finite, factor, 0.2),
            now.tries + 1,
        )

    slope = at(state, zero)
    guess = 0.01 * (_size(state) + 1e-3) / (_size(slope) + 1e-3)
    first = jnp.clip(guess, 1e-6, 1.0).astype(state.dtype)
    start = _Progress(zero, state, slope, first, jnp.zeros((), jnp.int32))
    end = jax.lax.while_loop(going, advance, start)
    return jnp.where(end.time >= 1, end.state, jnp.nan)


def _solve_forward(
    field: Field, tolerance: float, most: int, state: Flat, *constants: Array
) -> tuple[Flat, tuple[Flat, tuple[Array, ...]]]:
    end = _solve(field, tolerance, most, state, *constants)
    return end, (end, constants)


def _solve_backward(
    field: Field,
    tolerance: float,
    most: int,
    kept: tuple[Flat, tuple[Array, ...]],
    cotangent: Flat,
) -> tuple[Array, ...]:
    """The adjoint equation: `-da/dt = a df/dx`, and its integral for the constants."""
    end, constants = kept
    of_constants = jax.tree.map(jnp.zeros_like, constants)
    flat, unravel = ravel_pytree((end, cotangent, of_constants))

    def backwards(flat: Flat, time: Scalar, *constants: Array) -> Flat:
        state, adjoint, _ = unravel(flat)
        slope, pull = jax.vjp(
            lambda state, *constants: field(state, 1 - time, *constants),
            state,
            *constants,
        )
        of_state, *of_constants = pull(adjoint)
        return ravel_pytree((-slope, of_state, tuple(of_constants)))[0]

    start = _solve(backwards, tolerance, most, flat, *constants)
    _, adjoint, of_constants = unravel(start)
    return adjoint, *of_constants


_solve.defvjp(_solve_forward, _solve_backward)


def _weighted(weights: Sequence[float], slopes: Sequence[Flat]) -> Flat:
    terms = [w * k for w, k in zip(weights, slopes, strict=True) if w]
    return sum(terms[1:], terms[0])


def _size(x: Flat) -> Scalar:
    """The root of the mean square."""
    return jnp.sqrt(jnp.mean(x**2))
