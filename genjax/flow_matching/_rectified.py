"""Rectified flow: learning the velocity of straight paths from noise to data.

Time 0 is noise, time 1 is data. A trained velocity is followed by `transport`, and is a
density through `continuous`.
"""

import jax
import jax.numpy as jnp

from genjax.base import NetworkLike, Objective
from genjax.checks import read_batch
from genjax.errors import InputError
from genjax.flow_matching._paths import Path, linear_path
from genjax.flow_matching._solvers import Integrator
from genjax.flow_matching._times import Times, uniform_times
from genjax.flow_matching._velocity import checked_velocity, velocity
from genjax.nn.adapters import as_network
from genjax.typing import (
    Array,
    Batch,
    Condition,
    Event,
    Key,
    Outcome,
    Scalar,
    Variables,
)


def flow_matching(
    model: NetworkLike, *, path: Path | None = None, times: Times | None = None
) -> Objective:
    """Regresses a velocity field on that of paths from noise to data.

        loss = E ||v(x_t, t) - d x_t / dt||^2 / dimensions

    Args:
        model: a network of `(x [b, *event], t [b]) -> [b, *event]`, or of
            `(x, t, condition)`.
        path: from a pair of noise and data to a point and its velocity;
            `linear_path()` when None.
        times: the law of the times; uniform when None.

    Returns:
        An objective over batches `{"x": [b, *event]}`, with `"condition"` where the
        network takes one. With `"noise"` each example keeps its own end of the path, as
        reflow needs; otherwise the noise is drawn from a standard normal.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003; Lipman et al., 2022,
    arXiv:2210.02747.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import flow_matching
    >>> from genjax import nn
    >>> objective = flow_matching(nn.TimeMLP(features=2, hidden=(8,)))
    >>> batch = {"x": jnp.ones((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    draw_times = uniform_times() if times is None else times
    follow = linear_path() if path is None else path
    network = as_network(model, user="flow_matching")

    def init(key: Key, batch: Batch, /) -> Variables:
        x, condition, _ = _fields(batch)
        return network.init(key, x, jnp.zeros(len(x)), condition)

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_noise, key_time, key_network = jax.random.split(key, 3)
        x, condition, noise = _fields(batch)
        if noise is None:
            noise = jax.random.normal(key_noise, x.shape)
        t = draw_times(key_time, len(x))
        point, wanted = follow(noise, x, t)
        found, changed = network.train(variables, key_network, point, t, condition)
        value = jnp.mean((checked_velocity(found, x) - wanted) ** 2)
        return value, (changed, {"loss": value})

    return Objective(init, loss)


def transport(
    model: NetworkLike,
    variables: Variables,
    noise: Event,
    *,
    integrator: Integrator,
    condition: Condition = None,
) -> Event:
    """Carries noise to data along a trained velocity, without its log-density.

    Args:
        model: the velocity's network.
        variables: of the network.
        noise: `[b, *event]`.
        integrator: `fixed_steps(n, euler)`, `adaptive()`, ...
        condition: what the network is conditioned on.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import fixed_steps, normal_mixture_velocity, transport
    >>> field = normal_mixture_velocity(jnp.ones((1, 2)), scale=0.5)
    >>> x = transport(field, {}, jnp.zeros((3, 2)), integrator=fixed_steps(9))
    >>> x.round(3)[0].tolist()
    [1.0, 1.0]
    """

    def field(x: Array, time: Array) -> Array:
        return velocity(model, variables, x, time, condition)

    return integrator(field, noise, 0.0, 1.0)


def reflow_pairs(
    model: NetworkLike,
    variables: Variables,
    noise: Event,
    *,
    integrator: Integrator,
    condition: Condition = None,
) -> Batch:
    """Pairs of noise and what a trained flow carries it to: the data of a reflow.

    `flow_matching` on such pairs gives a second flow, whose paths are nearly straight;
    `distillation` on them one that takes a single step.

    Args:
        model: the velocity's network.
        variables: of the network.
        noise: `[b, *event]`.
        integrator: how exactly the pairs are made: `fixed_steps(25)`.
        condition: what the network is conditioned on; it stays with its pair.

    Returns:
        A batch with `"noise"`, `"x"`, and the `"condition"` where there is one.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import reflow_pairs
    >>> from genjax.flow_matching import fixed_steps, normal_mixture_velocity
    >>> field = normal_mixture_velocity(jnp.ones((1, 2)), scale=0.5)
    >>> pairs = reflow_pairs(field, {}, jnp.zeros((3, 2)), integrator=fixed_steps(9))
    >>> sorted(pairs), pairs["x"].round(3)[0].tolist()
    (['noise', 'x'], [1.0, 1.0])
    """
    x = transport(model, variables, noise, integrator=integrator, condition=condition)
    pairs = {"noise": noise, "x": x}
    return pairs if condition is None else {**pairs, "condition": condition}


def distillation(model: NetworkLike) -> Objective:
    """Trains a velocity to reach the data in one Euler step.

        loss = E ||x_0 + v(x_0, 0) - x_1||^2 / dimensions

    It is flow matching at time 0 alone, over pairs that some flow has made; after a
    reflow, when pairs do not cross, little is lost by it.

    Batches are `{"x": [b, *event], "noise": [b, *event]}`.

    Args:
        model: the velocity's network, best started from that of the flow.

    Returns:
        An objective over the batches of `reflow_pairs`.

    Raises:
        InputError: a batch has no `"noise"`: pairs that are drawn at random would teach
            the mean.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import distillation
    >>> from genjax import nn
    >>> objective = distillation(nn.TimeMLP(features=2, hidden=(8,)))
    >>> batch = {"x": jnp.ones((3, 2)), "noise": jnp.zeros((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    inner = flow_matching(model, times=lambda key, n: jnp.zeros(n))

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        if "noise" not in batch:
            raise InputError(
                "distillation: the batch must hold the noise that each x came from, "
                f"got {sorted(batch)}; reflow_pairs makes such batches."
            )
        return inner.loss(variables, batch, key)

    return Objective(inner.init, loss)


def straightness(
    model: NetworkLike,
    variables: Variables,
    noise: Event,
    *,
    steps: int = 50,
    condition: Condition = None,
) -> Scalar:
    """How far a flow's paths are from straight lines; 0 for straight ones.

        S = integral E ||(x_1 - x_0) - v(x_t, t)||^2 dt

    Args:
        model: the velocity's network.
        variables: of the network.
        noise: `[b, *event]`.
        steps: of Euler's method.
        condition: what the network is conditioned on.

    Raises:
        InputError: `steps` is not positive.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import straightness
    >>> from genjax.base import Network
    >>> field = Network(
    ...     lambda key, x, t: {"params": {}}, lambda v, x, t: jnp.ones_like(x)
    ... )
    >>> float(straightness(field, {}, jnp.zeros((3, 2)), steps=4))
    0.0
    """
    if steps < 1:
        raise InputError(f"straightness: steps must be at least 1, got {steps}.")

    def step(x: Array, time: Array) -> tuple[Array, Array]:
        v = velocity(model, variables, x, time, condition)
        return x + v / steps, v

    end, velocities = jax.lax.scan(step, noise, jnp.arange(steps) / steps)
    chord = (end - noise)[None]
    squared = jnp.sum((chord - velocities) ** 2, axis=tuple(range(2, chord.ndim)))
    return jnp.mean(squared)


def _fields(batch: Batch) -> tuple:
    return read_batch("flow_matching", batch, ("x",), ("condition", "noise"))
