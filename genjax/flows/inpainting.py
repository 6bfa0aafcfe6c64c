"""Completing what is partly observed, where no exact conditional is at hand."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density, Network
from genjax.errors import InputError
from genjax.flows.continuous import velocity
from genjax.typing import Array, Condition, Event, Key, Params, PerExample

Observed = Any
"""`bool [*event]`, an array or a list."""


class Completion(NamedTuple):
    """What Langevin sampling ends at.

    Fields:
        x: `[b, *event]`, the observed entries as they were.
        acceptance: the share of proposals that each chain has accepted; near .57 the
            step is well chosen, near 0 nothing has moved.
    """

    x: Event
    acceptance: PerExample


def langevin_inpaint(
    density: Density,
    params: Params,
    key: Key,
    x: Event,
    observed: Observed,
    *,
    steps: int,
    step_size: float,
    condition: Condition = None,
) -> Completion:
    """Draws what is not observed by a Metropolis-adjusted Langevin chain a row.

        x' = x + (h^2 / 2) grad log p(x) + h e   on the entries that are not observed,
        accepted with probability min(1, p(x') q(x | x') / p(x) q(x' | x))

    For any density with a gradient: a flow of any kind. The chain's law is the exact
    conditional once it is long enough; it starts at the entries that x holds. Densities
    with an exact `complete` need no chain.

    Args:
        density: the model.
        params: its parameters.
        key: of the chains.
        x: `[b, *event]`; entries that are not observed are where the chains start, at 0
            where they are not finite.
        observed: true for what stays.
        steps: of each chain.
        step_size: h.
        condition: of the density.

    Raises:
        InputError: `steps` or `step_size` is not positive, or the mask has not the
            shape of an event.

    Source: Roberts and Tweedie, 1996; Roberts and Rosenthal, 1998.

    >>> from genjax.densities import standard_normal
    >>> x, observed = jnp.ones((3, 2)), jnp.array([True, False])
    >>> completion = langevin_inpaint(
    ...     standard_normal((2,)), {}, jax.random.key(0), x, observed,
    ...     steps=10, step_size=1.0,
    ... )
    >>> completion.x[:, 0].tolist()
    [1.0, 1.0, 1.0]
    """
    if steps < 1 or step_size <= 0:
        raise InputError(
            "langevin_inpaint: steps and step_size must be positive, "
            f"got {steps} and {step_size}."
        )
    observed = _mask("langevin_inpaint", observed, x)
    # What is missing may be anything, NaN too.
    x = jnp.where(observed[None] | jnp.isfinite(x), x, 0.0)
    axes = tuple(range(1, x.ndim))

    def drift(x: Array) -> tuple[PerExample, Array]:
        def log_prob(x: Array) -> Array:
            return density.log_prob(params, x, condition)

        value, pull = jax.vjp(log_prob, x)
        (gradient,) = pull(jnp.ones_like(value))
        return value, jnp.where(observed[None], 0.0, 0.5 * step_size**2 * gradient)

    def log_proposal(start: Array, drift: Array, end: Array) -> PerExample:
        return -jnp.sum((end - start - drift) ** 2, axis=axes) / (2 * step_size**2)

    def step(state: tuple[Array, PerExample, Array], key: Key) -> tuple:
        x, value, move = state
        key_noise, key_coin = jax.random.split(key)
        noise = jax.random.normal(key_noise, x.shape)
        new = x + move + jnp.where(observed[None], 0.0, step_size * noise)
        new_value, new_move = drift(new)
        log_ratio = new_value - value
        log_ratio += log_proposal(new, new_move, x) - log_proposal(x, move, new)
        coin = jnp.log(jax.random.uniform(key_coin, (len(x),), minval=1e-38))
        is_taken = coin < log_ratio
        wide = is_taken.reshape(-1, *[1] * len(axes))
        state = (
            jnp.where(wide, new, x),
            jnp.where(is_taken, new_value, value),
            jnp.where(wide, new_move, move),
        )
        return state, is_taken

    keys = jax.random.split(key, steps)
    (end, _, _), taken = jax.lax.scan(step, (x, *drift(x)), keys)
    return Completion(end, jnp.mean(taken.astype(jnp.float32), axis=0))


def flow_inpaint(
    network: Network,
    params: Params,
    key: Key,
    x: Event,
    observed: Observed,
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
        network: a trained velocity of the linear path.
        params: its parameters.
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

    >>> from genjax.flows import gaussian_mixture_velocity
    >>> network = gaussian_mixture_velocity(jnp.zeros((1, 2)), 1.0)
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
    observed = _mask("flow_inpaint", observed, x)
    x = jnp.where(observed[None], x, 0.0)
    size = 1.0 / steps

    def onwards(point: Array, t: Array, key: Key) -> Array:
        held = (1 - t) * jax.random.normal(key, x.shape) + t * x
        point = jnp.where(observed[None], held, point)
        return point + size * velocity(network, params, point, t, condition)

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


def _mask(user: str, observed: Observed, x: Array) -> Array:
    mask = jnp.asarray(observed, bool)
    if mask.shape != x.shape[1:]:
        raise InputError(
            f"{user}: observed must have the shape {x.shape[1:]} of an event, got "
            f"{mask.shape}."
        )
    return mask
