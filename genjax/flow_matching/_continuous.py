"""Continuous flows: a velocity field as a bijector, with its log-determinant."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.base import Bijector, Direction, NetworkLike
from genjax.errors import InputError
from genjax.flow_matching._solvers import Integrator
from genjax.flow_matching._velocity import velocity
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables

VelocityField = Callable[[Array], Array]
"""`x [b, *event] -> velocity [b, *event]`, row by row."""

Divergence = Callable[[VelocityField, Array], tuple[Array, Array]]
"""`(field, x) -> (velocity, trace of its Jacobian [b])`."""


def exact_divergence(field: VelocityField, x: Event) -> tuple[Event, PerExample]:
    """A field's value and divergence, from one forward derivative per dimension.

    Source: Chen, Rubanova, Bettencourt and Duvenaud, 2018, arXiv:1806.07366.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import exact_divergence
    >>> exact_divergence(lambda x: x**2, jnp.array([[1.0, 3.0]]))[1].tolist()
    [8.0]
    """
    value, linear = jax.linearize(field, x)
    dim = x[0].size

    def diagonal(index: Array) -> Array:
        tangent = jax.nn.one_hot(index, dim, dtype=x.dtype).reshape(1, *x.shape[1:])
        column = linear(jnp.broadcast_to(tangent, x.shape))
        return column.reshape(len(x), dim)[:, index]

    return value, jnp.sum(jax.vmap(diagonal)(jnp.arange(dim)), axis=0)


def hutchinson_divergence(key: Key, *, probes: int = 1) -> Divergence:
    """An unbiased estimate of a divergence, from one derivative a random probe.

        div v = E e' J e,   e = +-1,   variance 2 sum_(i != j) S_ij^2,  S = (J + J') / 2

    The probes are those of the key at every step of a solver, so that the field which
    is integrated stays smooth. A fixed key is for evaluation: a
    flow would learn its probes by heart. Train by `training.stochastic(lambda key:
    ...)`, which draws a key for each step.

    Examples and velocities are `[b, *event]`, divergences `[b]`.

    Args:
        key: draws the probes.
        probes: over how many the estimate is averaged.

    Raises:
        InputError: there is no probe.

    Source: Grathwohl et al., 2019, arXiv:1810.01367.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import hutchinson_divergence
    >>> divergence = hutchinson_divergence(jax.random.key(0))
    >>> divergence(lambda x: x**2, jnp.array([[1.0, 3.0]]))[1].tolist()
    [8.0]
    """
    if probes < 1:
        raise InputError(
            f"hutchinson_divergence: probes must be at least 1, got {probes}."
        )

    def divergence(field: VelocityField, x: Event) -> tuple[Event, PerExample]:
        value, linear = jax.linearize(field, x)

        def estimate(key: Key) -> Array:
            probe = jax.random.rademacher(key, x.shape, x.dtype)
            products = probe * linear(probe)
            return jnp.sum(products, axis=tuple(range(1, x.ndim)))

        estimates = jax.vmap(estimate)(jax.random.split(key, probes))
        return value, jnp.mean(estimates, axis=0)

    return divergence


def continuous(
    model: NetworkLike,
    *,
    integrator: Integrator,
    divergence: Divergence = exact_divergence,
) -> Bijector:
    """Follows a velocity field between noise at time 0 and data at time 1.

        dx/dt = v(x, t),   d log|det| / dt = div v(x, t)

    Point and log-determinant are integrated in one pass. With `density` this gives
    likelihoods, and samples that carry theirs, of any flow-matching model. The two
    directions are inverse to one another up to the integrator's error.

    Args:
        model: the velocity's network, `(x [b, *event], t [b]) -> [b, *event]`, or
            `(x, t, condition)`.
        integrator: `fixed_steps(n, solver)` or `adaptive()`.
        divergence: `exact_divergence`, or `hutchinson_divergence(key)`.

    Source: Chen, Rubanova, Bettencourt and Duvenaud, 2018, arXiv:1806.07366; Grathwohl
    et al., 2019, arXiv:1810.01367.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flow_matching import continuous, fixed_steps
    >>> network = nn.TimeMLP(features=2, hidden=(8,))
    >>> flow = continuous(network, integrator=fixed_steps(4))
    >>> x = jnp.ones((3, 2))
    >>> y, log_det = flow.forward(flow.init(jax.random.key(0), x), x)
    >>> y.shape, log_det.shape
    ((3, 2), (3,))
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        network = as_pure_network(model, user="continuous")
        return network.init(key, x, jnp.zeros(len(x)), condition)

    def follow(start: float, stop: float) -> Direction:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Event, PerExample]:
            def field(state: tuple[Array, Array], time: Array) -> tuple[Array, Array]:
                return divergence(
                    lambda x: velocity(model, variables, x, time, condition), state[0]
                )

            x = as_float(x)
            state = (x, jnp.zeros(len(x), x.dtype))
            return integrator(field, state, start, stop)

        return apply

    return Bijector(init, follow(1.0, 0.0), follow(0.0, 1.0))
