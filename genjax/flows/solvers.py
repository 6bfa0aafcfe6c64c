"""Fixed-step solvers of ordinary differential equations, as scans."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array

Field = Callable[[Any, Array], Any]
"""`(state, time) -> derivative`, a pytree like the state."""

Solver = Callable[[Field, Any, Array, Array], Any]
"""`(field, state, time, step) -> state at time + step`."""


def euler(field: Field, state: Any, time: Array, step: Array) -> Any:
    """One step of Euler's method, of order 1.

    >>> half = euler(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> float(half)
    0.5
    """
    return _advance(state, step, field(state, time))


def midpoint(field: Field, state: Any, time: Array, step: Array) -> Any:
    """One step of the midpoint rule, of order 2.

    >>> near = midpoint(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> float(near)
    0.625
    """
    half = step / 2
    middle = _advance(state, half, field(state, time))
    return _advance(state, step, field(middle, time + half))


def heun(field: Field, state: Any, time: Array, step: Array) -> Any:
    """One step of Heun's method, of order 2: the mean of the slopes at both ends.

    >>> near = heun(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> float(near)
    0.625
    """
    first = field(state, time)
    second = field(_advance(state, step, first), time + step)
    slope = jax.tree.map(lambda a, b: (a + b) / 2, first, second)
    return _advance(state, step, slope)


def rk4(field: Field, state: Any, time: Array, step: Array) -> Any:
    """One step of the classical Runge-Kutta method, of order 4.

    >>> near = rk4(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> abs(float(near) - 0.60653) < 4e-4
    True
    """
    half = step / 2
    first = field(state, time)
    second = field(_advance(state, half, first), time + half)
    third = field(_advance(state, half, second), time + half)
    fourth = field(_advance(state, step, third), time + step)
    slope = jax.tree.map(
        lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth
    )
    return _advance(state, step, slope)


def integrate(
    field: Field,
    state: Any,
    *,
    start: float,
    stop: float,
    steps: int,
    solver: Solver = rk4,
) -> Any:
    """Follows a field from one time to another, in equal steps.

    Args:
        field: `(state, time) -> derivative`.
        state: any pytree of floats.
        start: the time of the state.
        stop: the time of the result; below `start` it runs backwards.
        steps: how many.
        solver: `euler`, `midpoint`, `heun` or `rk4`.

    Raises:
        InputError: `steps` is not positive.

    >>> x = integrate(lambda x, t: -x, jnp.array(1.0), start=0.0, stop=1.0, steps=20)
    >>> round(float(x), 5)
    0.36788
    """
    if steps < 1:
        raise InputError(f"integrate: steps must be at least 1, got {steps}.")
    size = jnp.asarray((stop - start) / steps, jnp.float32)

    # Memory for gradients: the state of every step, and the inside of one.
    @jax.checkpoint
    def step(state: Any, index: Array) -> tuple[Any, None]:
        return solver(field, state, start + index * size, size), None

    return jax.lax.scan(step, state, jnp.arange(steps, dtype=jnp.float32))[0]


def _advance(state: Any, step: Array, slope: Any) -> Any:
    return jax.tree.map(lambda x, v: x + step * v, state, slope)
