"""Continuous flows: a velocity field as a bijector, with its log-determinant."""

from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Bijector, Network, params_of
from genjax.flows.solvers import Solver, integrate, rk4
from genjax.typing import Array, Condition, Event, Key, Params, PerExample


def continuous(network: Network, *, steps: int, solver: Solver = rk4) -> Bijector:
    """Follows a velocity field between noise at time 0 and data at time 1.

        dx/dt = v(x, t),   d log|det| / dt = div v(x, t)

    Point and log-determinant are integrated in one pass; the divergence is exact, from
    one forward-mode derivative a dimension. With `density` this gives likelihoods, and
    samples that carry theirs, of any flow-matching model.

    Args:
        network: the velocity, `(x [b, *event], t [b]) -> [b, *event]`, or `(x, t,
            condition)`.
        steps: of the solver, in either direction; the directions are inverse to one
            another up to its error.
        solver: `euler`, `midpoint`, `heun` or `rk4`.

    Raises:
        InputError: `steps` is not positive.

    Source: Chen et al., 2018, arXiv:1806.07366.

    >>> from genjax import nn
    >>> flow = continuous(nn.TimeMLP(features=2, hidden=(8,)), steps=4)
    >>> x = jnp.ones((3, 2))
    >>> y, log_det = flow.forward(flow.init(jax.random.key(0), x), x)
    >>> y.shape, log_det.shape
    ((3, 2), (3,))
    """

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        t = jnp.zeros(len(x))
        inputs = (x, t) if condition is None else (x, t, condition)
        return params_of(network.init(key, *inputs), user="continuous")

    def follow(start: float, stop: float) -> Any:
        def apply(
            params: Params, x: Event, condition: Condition = None
        ) -> tuple[Event, PerExample]:
            def field(state: tuple[Array, Array], time: Array) -> tuple[Array, Array]:
                return _with_divergence(
                    lambda x: velocity(network, params, x, time, condition), state[0]
                )

            state = (x, jnp.zeros(len(x)))
            return integrate(
                field, state, start=start, stop=stop, steps=steps, solver=solver
            )

        return apply

    return Bijector(init, follow(1.0, 0.0), follow(0.0, 1.0))


def velocity(
    network: Network, params: Params, x: Event, time: Array, condition: Condition = None
) -> Event:
    """Returns a network's velocity at one time for the whole batch, in float32."""
    t = jnp.broadcast_to(time, (len(x),))
    inputs = (x, t) if condition is None else (x, t, condition)
    return network.apply({"params": params}, *inputs).astype(jnp.float32)


def _with_divergence(field: Any, x: Array) -> tuple[Array, Array]:
    """`v(x)`, and the trace of its Jacobian for every row by itself."""
    value, linear = jax.linearize(field, x)
    dim = x[0].size

    def diagonal(index: Array) -> Array:
        tangent = jax.nn.one_hot(index, dim).reshape(1, *x.shape[1:])
        column = linear(jnp.broadcast_to(tangent, x.shape))
        return column.reshape(len(x), dim)[:, index]

    return value, jnp.sum(jax.vmap(diagonal)(jnp.arange(dim)), axis=0)
