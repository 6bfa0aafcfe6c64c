"""Completing what is partly observed by a chain, for any density with a gradient."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density
from genjax.checks import check_event_mask
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Mask, PerExample, Variables


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
    variables: Variables,
    key: Key,
    x: Event,
    observed: Mask,
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
        variables: its variables.
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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import langevin_inpaint, standard_normal
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
    observed = check_event_mask("langevin_inpaint", observed, x)
    # What is missing may be anything, NaN too.
    x = jnp.where(observed[None] | jnp.isfinite(x), x, 0.0)
    axes = tuple(range(1, x.ndim))

    def drift(x: Array) -> tuple[PerExample, Array]:
        def log_prob(x: Array) -> Array:
            return density.log_prob(variables, x, condition)

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
