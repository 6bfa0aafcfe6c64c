"""Rectified flow: learning the velocity of straight paths from noise to data.

Time 0 is noise, time 1 is data. A trained velocity is followed by `transport`, and is a
density through `continuous`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from genjax import nn
from genjax.base import Functions, Network, Objective
from genjax.errors import InputError
from genjax.flows.continuous import velocity
from genjax.flows.paths import Path, Times, linear_path, uniform_times
from genjax.flows.solvers import Integrator
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
        field = nn.stateless(network, user="flow_matching")
        return {"params": field.init(key, x, jnp.zeros(len(x)), condition)}

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


def transport(
    network: Network,
    params: Params,
    noise: Event,
    *,
    integrator: Integrator,
    condition: Condition = None,
) -> Event:
    """Carries noise to data along a trained velocity, without its log-density.

    Args:
        network: the velocity.
        params: its parameters.
        noise: `[b, *event]`.
        integrator: `fixed_steps(n, euler)`, `adaptive()`, ...
        condition: what the network is conditioned on.
    """

    def field(x: Array, time: Array) -> Array:
        return velocity(network, params, x, time, condition)

    return integrator(field, noise, 0.0, 1.0)


def reflow_pairs(
    network: Network,
    params: Params,
    noise: Event,
    *,
    integrator: Integrator,
    condition: Condition = None,
) -> Batch:
    """Pairs of noise and what a trained flow carries it to: the data of a reflow.

    `flow_matching` on such pairs gives a second flow, whose paths are nearly straight;
    `distillation` on them one that takes a single step.

    Args:
        network: the velocity.
        params: its parameters.
        noise: `[b, *event]`.
        integrator: how exactly the pairs are made: `fixed_steps(25)`.
        condition: what the network is conditioned on; it stays with its pair.

    Returns:
        A batch with `"noise"`, `"x"`, and the `"condition"` where there is one.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.
    """
    x = transport(network, params, noise, integrator=integrator, condition=condition)
    pairs = {"noise": noise, "x": x}
    return pairs if condition is None else {**pairs, "condition": condition}


def distillation(network: Network) -> Objective:
    """Trains a velocity to reach the data in one Euler step.

        loss = E ||x_0 + v(x_0, 0) - x_1||^2 / dimensions

    It is flow matching at time 0 alone, over pairs that some flow has made; after a
    reflow, when pairs do not cross, little is lost by it.

    Args:
        network: the velocity, best started from that of the flow.

    Returns:
        An objective over the batches of `reflow_pairs`.

    Raises:
        InputError: a batch has no `"noise"`: pairs that are drawn at random would teach
            the mean.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.

    >>> from genjax import nn
    >>> objective = distillation(nn.TimeMLP(features=2, hidden=(8,)))
    >>> batch = {"x": jnp.ones((3, 2)), "noise": jnp.zeros((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    inner = flow_matching(network, times=lambda key, n: jnp.zeros(n))

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        if "noise" not in batch:
            raise InputError(
                "distillation: the batch must hold the noise that each x came from, "
                f"got {sorted(batch)}; reflow_pairs makes such batches."
            )
        return inner.loss(variables, batch, key)

    return Objective(inner.init, loss)


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
