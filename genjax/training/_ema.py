"""Exponential moving averages of everything a model holds."""

import jax
import jax.numpy as jnp

from genjax.arrays import lead
from genjax.base import TrainState, Update
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.typing import Array, Batch, Key, Metrics, Tree


def with_ema(update: Update, *, decay: float) -> Update:
    """Keeps an exponential moving average of every float variable.

        average <- d average + (1 - d) variables,   d = min(decay, (1 + t) / (10 + t))

    Batch statistics are averaged like parameters. The average stands beside the
    variables in the state, in float32; `state.evaluated` is the average where there is
    one.

    A leaf of the average is `[*shape]`, as the variable that it follows; the runs of an
    ensemble are averaged each on its own.

    Args:
        update: any update.
        decay: the decay `d` that is reached after the warm-up, in [0, 1).

    Raises:
        InputError: `decay` is outside [0, 1).

    Source: Polyak and Juditsky, 1992.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import gradient_descent, with_ema
    >>> objective = negative_log_likelihood(diagonal_normal((1,)))
    >>> update = with_ema(gradient_descent(objective, optax.sgd(0.1)), decay=0.99)
    >>> batch = {"x": jnp.array([[1.0], [3.0]])}
    >>> update.init(jax.random.key(0), batch).evaluated["params"]["mean"].tolist()
    [2.0]
    """
    check_is("with_ema", Update, update=update)
    if not 0 <= decay < 1:
        raise InputError(f"with_ema: decay must be in [0, 1), got {decay}.")

    def init(key: Key, batch: Batch, /) -> TrainState:
        state = update.init(key, batch)
        if state.average is not None:
            raise InputError("with_ema: this update already keeps an average.")
        return state._replace(average=jax.tree.map(_as_float32, state.variables))

    def step(state: TrainState, batch: Batch, /) -> tuple[TrainState, Metrics]:
        t = state.step.astype(jnp.float32)
        d = jnp.minimum(decay, (1 + t) / (10 + t))
        new, metrics = update.step(state._replace(average=None), batch)

        def mix(old: Array, value: Array) -> Array:
            if not jnp.issubdtype(value.dtype, jnp.floating):
                return value
            share = lead(d, old)
            return share * old + (1 - share) * _as_float32(value)

        average: Tree = jax.tree.map(mix, state.average, new.variables)
        return new._replace(average=average), metrics

    return Update(init, step)


def _as_float32(leaf: Array) -> Array:
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    # A copy, so that the average never shares a donated buffer with its source.
    return jnp.array(leaf, jnp.float32 if is_float else leaf.dtype)
