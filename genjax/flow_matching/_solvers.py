"""Solvers of ordinary differential equations in fixed steps, as scans."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Tree

Derivative = Callable[[Tree, Array], Tree]
"""`(state, time) -> derivative`, a pytree like the state."""

Solver = Callable[[Derivative, Tree, Array, Array], Tree]
"""`(field, state, time, step) -> state at time + step`."""

Integrator = Callable[[Derivative, Tree, float, float], Tree]
"""`(field, state, start, stop) -> state at stop`; backwards where stop is below start.
"""


def euler(field: Derivative, state: Tree, time: Array, step: Array) -> Tree:
    """One step of Euler's method, of order 1.

    The state and its derivative are pytrees `[b, ...]` alike, time and step are
    scalars.

    Source: Hairer, Norsett and Wanner, 1993.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import euler
    >>> half = euler(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> float(half)
    0.5
    """
    return _advance(state, step, field(state, time))


def midpoint(field: Derivative, state: Tree, time: Array, step: Array) -> Tree:
    """One step of the midpoint rule, of order 2.

    The state and its derivative are pytrees `[b, ...]` alike, time and step are
    scalars.

    Source: Hairer, Norsett and Wanner, 1993.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import midpoint
    >>> near = midpoint(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> float(near)
    0.625
    """
    half = step / 2
    middle = _advance(state, half, field(state, time))
    return _advance(state, step, field(middle, time + half))


def heun(field: Derivative, state: Tree, time: Array, step: Array) -> Tree:
    """One step of Heun's method, of order 2: the mean of the slopes at both ends.

    The state and its derivative are pytrees `[b, ...]` alike, time and step are
    scalars.

    Source: Heun, 1900.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import heun
    >>> near = heun(lambda x, t: -x, jnp.array(1.0), jnp.array(0.0), jnp.array(0.5))
    >>> float(near)
    0.625
    """
    first = field(state, time)
    second = field(_advance(state, step, first), time + step)
    slope = jax.tree.map(lambda a, b: (a + b) / 2, first, second)
    return _advance(state, step, slope)


def rk4(field: Derivative, state: Tree, time: Array, step: Array) -> Tree:
    """One step of the classical Runge-Kutta method, of order 4.

    The state and its derivative are pytrees `[b, ...]` alike, time and step are
    scalars.

    Source: Kutta, 1901.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import rk4
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


def fixed_steps(steps: int, solver: Solver = rk4) -> Integrator:
    """Follows a field in equal steps, as a scan.

    Gradients go back through the solver's own steps, each computed again from its
    start, so that memory grows with the steps and not with what is inside them.

    The state and its derivative are pytrees `[b, ...]` alike, times are scalars.

    Args:
        steps: how many.
        solver: `euler`, `midpoint`, `heun` or `rk4`.

    Raises:
        InputError: `steps` is not positive.

    Source: Hairer, Norsett and Wanner, 1993.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import fixed_steps
    >>> x = fixed_steps(20)(lambda x, t: -x, jnp.array(1.0), 0.0, 1.0)
    >>> round(float(x), 5)
    0.36788
    """
    if steps < 1:
        raise InputError(f"fixed_steps: steps must be at least 1, got {steps}.")

    def integrate(field: Derivative, state: Tree, start: float, stop: float) -> Tree:
        size = jnp.asarray((stop - start) / steps, jnp.float32)

        @jax.checkpoint
        def step(state: Tree, index: Array) -> tuple[Tree, None]:
            return solver(field, state, start + index * size, size), None

        return jax.lax.scan(step, state, jnp.arange(steps, dtype=jnp.float32))[0]

    return integrate


def _advance(state: Tree, step: Array, slope: Tree) -> Tree:
    return jax.tree.map(lambda x, v: x + step * v, state, slope)
