"""Exponential moving averages of everything a model holds."""

import jax
import jax.numpy as jnp

from genjax.base import TrainState, Update
from genjax.errors import InputError
from genjax.typing import Array, Batch, Key, Variables


def with_ema(update: Update, decay: float) -> Update:
    """Keeps an exponential moving average of every float variable.

        average <- d average + (1 - d) variables,   d = min(decay, (1 + t) / (10 + t))

    Batch statistics are averaged like parameters. The average lives among the variables
    under `"ema"`, in float32, and is read by `averaged`.

    Args:
        update: any update.
        decay: the decay `d` that is reached after the warm-up, in [0, 1).

    Raises:
        InputError: `decay` is outside [0, 1).

    Source: Polyak and Juditsky, 1992.

    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import gradient_descent
    >>> objective = negative_log_likelihood(diagonal_normal((1,)))
    >>> update = with_ema(gradient_descent(objective, optax.sgd(0.1)), 0.99)
    >>> batch = {"x": jnp.array([[1.0], [3.0]])}
    >>> sorted(update.init(jax.random.key(0), batch).variables)
    ['ema', 'params']
    """
    if not 0 <= decay < 1:
        raise InputError(f"with_ema: decay must be in [0, 1), got {decay}.")

    def init(key: Key, batch: Batch) -> TrainState:
        state = update.init(key, batch)
        return _with_average(state, jax.tree.map(_as_float32, state.variables))

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
        average = state.variables["ema"]
        rest = {k: v for k, v in state.variables.items() if k != "ema"}
        t = state.step.astype(jnp.float32)
        d = jnp.minimum(decay, (1 + t) / (10 + t))
        new, metrics = update.step(state._replace(variables=rest), batch)

        def mix(old: Array, value: Array) -> Array:
            if not jnp.issubdtype(value.dtype, jnp.floating):
                return value
            return d * old + (1 - d) * _as_float32(value)

        return _with_average(new, jax.tree.map(mix, average, new.variables)), metrics

    return Update(init, step)


def averaged(variables: Variables) -> Variables:
    """Returns the averaged collections where there are any, else the variables.

    >>> averaged({"params": 1.0, "ema": {"params": 0.5}})
    {'params': 0.5}
    >>> averaged({"params": 1.0})
    {'params': 1.0}
    """
    return variables.get("ema", variables)


def _with_average(state: TrainState, average: Variables) -> TrainState:
    return state._replace(variables={**state.variables, "ema": average})


def _as_float32(leaf: Array) -> Array:
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    # A copy, so that the average never shares a donated buffer with its source.
    return jnp.array(leaf, jnp.float32 if is_float else leaf.dtype)
