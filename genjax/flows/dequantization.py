"""Learning the noise that makes integers continuous."""

import math

import jax
import jax.numpy as jnp

from genjax.base import Bijector, Density, Objective
from genjax.flows.elementwise import elementwise, sigmoid
from genjax.typing import Array, Batch, Event, Key, Params, PerExample, Variables


def variational_dequantization(
    density: Density, noise: Bijector, base: Density, *, levels: int
) -> Objective:
    """The bound of the probability of integers, with noise that is learnt.

        log P(x) >= E_(u ~ q(u | x)) log p((x + u) / levels) - log q(u | x)
                    - d log levels

    q is a flow: `u = sigmoid(f(e; x))` for e from the base. With the identity in place
    of a learnt f, and a logistic base, u is uniform: that is uniform dequantization.

    Args:
        density: of `[b, *event]` in [0, 1).
        noise: f, conditioned on the scaled integers.
        base: of e, without parameters.
        levels: how many values an element can take.

    Returns:
        An objective over batches `{"x": [b, *event]}` of integers 0 ... levels - 1 as
        floats, in nats an example, with `bits_per_dim` among its metrics.

    Source: Ho, Chen, Srinivas, Duan and Abbeel, 2019, arXiv:1902.00275.

    >>> from genjax.densities import logistic, uniform
    >>> from genjax.flows import identity
    >>> objective = variational_dequantization(
    ...     uniform((4,)), identity(), logistic((4,)), levels=256
    ... )
    >>> batch = {"x": jnp.zeros((2, 4))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> _, (_, metrics) = objective.loss(variables, batch, jax.random.key(1))
    >>> round(float(metrics["bits_per_dim"]), 4)
    8.0
    """

    def init(key: Key, batch: Batch) -> Variables:
        key_density, key_noise, key_base, key_draw = jax.random.split(key, 4)
        scaled = batch["x"] / levels
        e, _ = base.sample({}, key_base, len(scaled))
        noise_params = noise.init(key_noise, e, scaled)
        u, _ = _draw(noise, base, noise_params, key_draw, scaled)
        density_params = density.init(key_density, scaled + u / levels)
        return {"params": {"density": density_params, "noise": noise_params}}

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        params, x = variables["params"], batch["x"]
        u, log_q = _draw(noise, base, params["noise"], key, x / levels)
        # Noise close to 1 would round up into the next bin.
        top = jnp.nextafter((x + 1) / levels, jnp.zeros_like(x))
        y = jnp.minimum((x + u) / levels, top)
        dims = math.prod(x.shape[1:])
        log_p = density.log_prob(params["density"], y) - dims * math.log(levels)
        value = -jnp.mean(log_p - log_q)
        bits = value / (dims * math.log(2))
        return value, ({}, {"loss": value, "bits_per_dim": bits})

    return Objective(init, loss)


def _draw(
    noise: Bijector, base: Density, params: Params, key: Key, scaled: Event
) -> tuple[Event, PerExample]:
    e, log_base = base.sample({}, key, len(scaled))
    logits, log_det = noise.forward(params, e, scaled)
    squash = elementwise(sigmoid())
    u, log_slope = squash.forward((), logits)
    return u, log_base - log_det - log_slope
