"""Rectified flow: learning the velocity of straight paths from noise to data.

Time 0 is noise, time 1 is data. A trained velocity is followed by `transport`, and is a
density through `continuous`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Functions, Network, Objective, params_of
from genjax.errors import InputError
from genjax.flows.continuous import velocity
from genjax.flows.paths import Path, Times, linear_path, uniform_times
from genjax.flows.solvers import Solver, euler, integrate
from genjax.typing import (
    Array,
    Batch,
    Condition,
    Event,
    Float,
    Key,
    Params,
    Scalar,
    Variables,
)


def flow_matching(
    network: Network, *, path: Path = linear_path, times: Times | None = None
) -> Objective:
    """Regresses a velocity field on that of paths from noise to data.

        loss = E ||v(x_t, t) - d x_t / dt||^2 / dimensions

    Args:
        network: `(x [b, *event], t [b]) -> [b, *event]`, or `(x, t, condition)`.
        path: from a pair of noise and data to a point and its velocity.
        times: the law of the times; uniform when None.

    Returns:
        An objective over batches `{"x": [b, *event]}`, with `"condition"` where the
        network takes one. With `"noise"` each example keeps its own end of the path, as
        reflow needs; otherwise the noise is drawn from a standard normal.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003; Lipman et al., 2022,
    arXiv:2210.02747.

    >>> from genjax import nn
    >>> objective = flow_matching(nn.TimeMLP(features=2, hidden=(8,)))
    >>> batch = {"x": jnp.ones((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    draw_times = uniform_times() if times is None else times

    def init(key: Key, batch: Batch) -> Variables:
        x, condition = batch["x"], batch.get("condition")
        t = jnp.zeros(len(x))
        inputs = (x, t) if condition is None else (x, t, condition)
        return {"params": params_of(network.init(key, *inputs), user="flow_matching")}

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        key_noise, key_time = jax.random.split(key)
        x = batch["x"]
        noise = batch.get("noise")
        if noise is None:
            noise = jax.random.normal(key_noise, x.shape)
        t = draw_times(key_time, len(x))
        point, wanted = path(noise, x, t)
        found = velocity(network, variables["params"], point, t, batch.get("condition"))
        value = jnp.mean((found - wanted) ** 2)
        return value, ({}, {"loss": value})

    return Objective(init, loss)


def guided(network: Network, *, scale: float, unconditional: Array) -> Functions:
    """A velocity pushed away from the unconditional one: classifier-free guidance.

        v(x, t, c) = v(x, t, empty) + scale (v(x, t, c) - v(x, t, empty))

    Both velocities come from one pass over a doubled batch. The network learns the
    empty condition by `drop_condition`.

    Args:
        network: a trained conditional velocity.
        scale: 1 is the conditional velocity itself, above 1 is sharper.
        unconditional: the empty condition `[*condition]`.

    Returns:
        A network with the same variables.

    Source: Ho and Salimans, 2022, arXiv:2207.12598.

    >>> from genjax import nn
    >>> network = nn.TimeMLP(features=2, hidden=(8,))
    >>> x, t, condition = jnp.ones((3, 2)), jnp.zeros(3), jnp.ones((3, 4))
    >>> sharper = guided(network, scale=2.0, unconditional=jnp.zeros(4))
    >>> variables = sharper.init(jax.random.key(0), x, t, condition)
    >>> sharper.apply(variables, x, t, condition).shape
    (3, 2)
    """

    def apply(variables: Variables, x: Array, t: Array, condition: Array) -> Array:
        empty = jnp.broadcast_to(unconditional[None], condition.shape)
        both = network.apply(
            variables,
            jnp.concatenate([x, x]),
            jnp.concatenate([t, t]),
            jnp.concatenate([condition, empty]),
        )
        wanted, plain = jnp.split(both.astype(jnp.float32), 2)
        return plain + scale * (wanted - plain)

    return Functions(network.init, apply)


def drop_condition(
    objective: Objective, *, rate: float, unconditional: Array
) -> Objective:
    """Trains a conditional model on the empty condition as well, for `guided`.

    Args:
        objective: over batches with a `"condition"`.
        rate: the share of examples whose condition is replaced.
        unconditional: the empty condition `[*condition]`.

    Raises:
        InputError: `rate` is outside [0, 1).

    Source: Ho and Salimans, 2022, arXiv:2207.12598.

    >>> from genjax import nn
    >>> inner = flow_matching(nn.TimeMLP(features=2, hidden=(8,)))
    >>> objective = drop_condition(inner, rate=0.1, unconditional=jnp.zeros(4))
    >>> batch = {"x": jnp.ones((3, 2)), "condition": jnp.ones((3, 4))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    if not 0 <= rate < 1:
        raise InputError(f"drop_condition: rate must be in [0, 1), got {rate}.")

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        key_drop, key_loss = jax.random.split(key)
        condition = batch["condition"]
        shape = (len(condition), *[1] * (condition.ndim - 1))
        is_dropped = jax.random.bernoulli(key_drop, rate, shape)
        dropped = jnp.where(is_dropped, unconditional[None], condition)
        return objective.loss(variables, {**batch, "condition": dropped}, key_loss)

    return Objective(objective.init, loss)


def transport(
    network: Network,
    params: Params,
    noise: Event,
    *,
    steps: int,
    solver: Solver = euler,
    condition: Condition = None,
) -> Event:
    """Carries noise to data along a trained velocity, without its log-density.

    Pairs of noise and what it is carried to, as batches `{"noise": ..., "x": ...}` of
    `flow_matching`, are reflow: the paths of the second model are nearly straight, so
    that one Euler step is enough.

    Args:
        network: the velocity.
        params: its parameters.
        noise: `[b, *event]`.
        steps: of the solver.
        solver: `euler`, `midpoint`, `heun` or `rk4`.
        condition: what the network is conditioned on.
    """

    def field(x: Array, time: Array) -> Array:
        return velocity(network, params, x, time, condition)

    return integrate(field, noise, start=0.0, stop=1.0, steps=steps, solver=solver)


def straightness(
    network: Network,
    params: Params,
    noise: Event,
    *,
    steps: int = 50,
    condition: Condition = None,
) -> Scalar:
    """How far a flow's paths are from straight lines; 0 for straight ones.

        S = integral E ||(x_1 - x_0) - v(x_t, t)||^2 dt

    Args:
        network: the velocity.
        params: its parameters.
        noise: `[b, *event]`.
        steps: of Euler's method.
        condition: what the network is conditioned on.

    Raises:
        InputError: `steps` is not positive.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.
    """
    if steps < 1:
        raise InputError(f"straightness: steps must be at least 1, got {steps}.")

    def step(x: Array, time: Array) -> tuple[Array, Array]:
        v = velocity(network, params, x, time, condition)
        return x + v / steps, v

    end, velocities = jax.lax.scan(step, noise, jnp.arange(steps) / steps)
    chord = (end - noise)[None]
    squared = jnp.sum((chord - velocities) ** 2, axis=tuple(range(2, chord.ndim)))
    return jnp.mean(squared)


def gaussian_mixture_velocity(means: Float[Array, "k d"], scale: float) -> Functions:
    """The exact velocity of the linear path to a mixture of equal normals.

        v(x, t) = sum_k w_k (m_k + (t s^2 - (1 - t)) / r_t (x - t m_k)),
        w = softmax_k(-|x - t m_k|^2 / 2 r_t),   r_t = (1 - t)^2 + t^2 s^2

    An oracle for training, solvers and likelihoods alike.

    Args:
        means: of the normals.
        scale: the standard deviation s of each.

    Returns:
        A network without parameters.

    Raises:
        InputError: `scale` is not positive.

    >>> single = gaussian_mixture_velocity(jnp.array([[3.0]]), 1.0)
    >>> single.apply({}, jnp.array([[0.0]]), jnp.array([0.0])).tolist()
    [[3.0]]
    """
    if scale <= 0:
        raise InputError(
            f"gaussian_mixture_velocity: scale must be positive, got {scale}."
        )

    def apply(variables: Variables, x: Array, t: Array) -> Array:
        del variables
        t = t[:, None]
        variance = (1 - t) ** 2 + (t * scale) ** 2
        offset = x[:, None] - t[:, None] * means[None]
        logits = -0.5 * jnp.sum(offset**2, axis=2) / variance
        rate = (t * scale**2 - (1 - t)) / variance
        each = means[None] + rate[:, None] * offset
        return jnp.sum(jax.nn.softmax(logits)[:, :, None] * each, axis=1)

    def init(key: Key, *inputs: Any) -> Variables:
        del key, inputs
        return {"params": {}}

    return Functions(init, apply)
