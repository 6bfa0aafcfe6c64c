"""Completing what is partly observed by a rectified flow."""

import jax
import jax.numpy as jnp

from genjax.base import NetworkLike
from genjax.checks import check_event_mask
from genjax.errors import InputError
from genjax.flow_matching._velocity import velocity
from genjax.typing import Array, Condition, Event, Key, Mask, Variables


def flow_inpaint(
    model: NetworkLike,
    variables: Variables,
    key: Key,
    x: Event,
    observed: Mask,
    *,
    steps: int,
    resamples: int = 1,
    condition: Condition = None,
) -> Event:
    """Follows a rectified flow from noise, with what is observed held on its path.

        before each step: x_t = (1 - t) e + t x   on the observed entries, e fresh
        to redo a step from s to t < s: x_t = (t / s) x_s + sqrt(v_t - (t / s)^2 v_s) e,
        v_t = (1 - t)^2

    Each step of Euler's method is undone by the path's own noise and taken again
    `resamples - 1` times, in which what is drawn comes to agree with what is observed.
    Approximate: resamples bring it nearer to the conditional, more steps alone do not,
    and the weights of far modes stay biased. `langevin_inpaint` is exact in the long
    run.

    Args:
        model: the network of a trained velocity of the linear path.
        variables: its variables.
        key: of the noise.
        x: `[b, *event]`; only observed entries are read.
        observed: true for what stays.
        steps: from noise to data.
        resamples: how often each step is taken.
        condition: of the network.

    Raises:
        InputError: `steps` or `resamples` is not positive, or the mask has not the
            shape of an event.

    Source: Lugmayr et al., 2022, arXiv:2201.09865, for diffusion models.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import flow_inpaint, normal_mixture_velocity
    >>> network = normal_mixture_velocity(jnp.zeros((1, 2)), scale=1.0)
    >>> x, observed = jnp.ones((3, 2)), jnp.array([True, False])
    >>> completed = flow_inpaint(
    ...     network, {}, jax.random.key(0), x, observed, steps=4, resamples=2
    ... )
    >>> completed[:, 0].tolist()
    [1.0, 1.0, 1.0]
    """
    if steps < 1 or resamples < 1:
        raise InputError(
            "flow_inpaint: steps and resamples must be at least 1, "
            f"got {steps} and {resamples}."
        )
    observed = check_event_mask("flow_inpaint", observed, x)
    x = jnp.where(observed[None], x, 0.0)
    size = 1.0 / steps

    def onwards(point: Array, t: Array, key: Key) -> Array:
        held = (1 - t) * jax.random.normal(key, x.shape) + t * x
        point = jnp.where(observed[None], held, point)
        return point + size * velocity(model, variables, point, t, condition)

    def again(later: Array, t: Array, key: Key) -> Array:
        key_back, key_held = jax.random.split(key)
        share = t / (t + size)
        spread = jnp.sqrt((1 - t) ** 2 - (share * (1 - t - size)) ** 2)
        point = share * later + spread * jax.random.normal(key_back, x.shape)
        return onwards(point, t, key_held)

    def step(point: Array, scanned: tuple[Array, Key]) -> tuple[Array, None]:
        t, key = scanned
        key_first, *keys = jax.random.split(key, resamples)
        later = onwards(point, t, key_first)
        if resamples > 1:
            later, _ = jax.lax.scan(
                lambda later, key: (again(later, t, key), None), later, jnp.stack(keys)
            )
        return later, None

    key_noise, key_steps = jax.random.split(key)
    times = jnp.arange(steps, dtype=jnp.float32) * size
    start = jax.random.normal(key_noise, x.shape)
    end, _ = jax.lax.scan(step, start, (times, jax.random.split(key_steps, steps)))
    return jnp.where(observed[None], x, end)
