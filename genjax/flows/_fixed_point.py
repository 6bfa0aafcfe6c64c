"""Fixed points that are found by iteration and differentiated as what they are."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.typing import Array


def fixed_point(
    function: Callable[[Array], Array],
    start: Array,
    *,
    tolerance: float,
    iterations: int,
) -> Array:
    """The x with `function(x) = x`, by iteration until nothing changes.

        dx = (I - J)^-1 df,   by as many iterations of v <- df + J v

    Derivatives in both modes are those of the implicit function, whatever the number of
    iterations was. Rows that are not finite do not stop the others.

    Args:
        function: a contraction, or one whose iteration ends.
        start: where the iteration begins.
        tolerance: it stops when no element has changed by more.
        iterations: the most there are.

    >>> import jax.numpy as jnp
    >>> from genjax.flows._fixed_point import fixed_point
    >>> x = fixed_point(jnp.cos, jnp.ones(1), tolerance=1e-6, iterations=100)
    >>> x.round(3).tolist()
    [0.739]
    """

    def solve(gap: Callable[[Array], Array], start: Array) -> Array:
        def is_moving(state: tuple[Array, Array, Array]) -> Array:
            _, change, done = state
            return (change > tolerance) & (done < iterations)

        def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            x, _, done = state
            move = gap(x)
            change = jnp.where(jnp.isfinite(move), jnp.abs(move), 0.0).max()
            return x - move, change, done + 1

        first = (start, jnp.asarray(jnp.inf, start.dtype), jnp.asarray(0))
        return jax.lax.while_loop(is_moving, step, first)[0]

    def solve_linear(linear: Callable[[Array], Array], target: Array) -> Array:
        def step(v: Array, _: None) -> tuple[Array, None]:
            return target + v - linear(v), None

        return jax.lax.scan(step, target, None, length=min(iterations, 200))[0]

    return jax.lax.custom_root(lambda x: x - function(x), start, solve, solve_linear)
