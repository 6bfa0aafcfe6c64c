"""From an objective to an update: one optimiser step on its gradient."""

import jax
import jax.numpy as jnp
import optax

from genjax.base import Objective, TrainState, Update
from genjax.checks import check_is
from genjax.steps import descend, key_of_step
from genjax.typing import Batch, Key, Metrics, Outcome, Params, Variables


def gradient_descent(
    objective: Objective, optimizer: optax.GradientTransformation
) -> Update:
    """Steps along the gradient of an objective.

        g = d loss(variables) / d variables["params"],   params <- params + optimizer(g)

    Collections that the pass changes (batch statistics) are taken over as they come.
    The key of step `t` is `fold_in(state.key, t)`.

    Args:
        objective: what to minimise.
        optimizer: any optax transformation.

    Returns:
        An update whose metrics are the objective's and `gradient_norm`.

    >>> import jax
    >>> import optax
    >>> from genjax.training import gradient_descent
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> objective = negative_log_likelihood(diagonal_normal((2,)))
    >>> update = gradient_descent(objective, optax.adam(1e-2))
    >>> batch = {"x": jax.random.normal(jax.random.key(0), (8, 2))}
    >>> state = update.init(jax.random.key(1), batch)
    >>> state, metrics = jax.jit(update.step)(state, batch)
    >>> int(state.step), sorted(metrics)
    (1, ['gradient_norm', 'loss', 'nll'])
    """
    check_is("gradient_descent", Objective, objective=objective)
    check_is("gradient_descent", optax.GradientTransformation, optimizer=optimizer)

    def init(key: Key, batch: Batch, /) -> TrainState:
        key_init, key_run = jax.random.split(key)
        variables = dict(objective.init(key_init, batch))
        params: Params = variables.get("params", {})
        opt_state = optimizer.init(params)
        return TrainState(jnp.zeros((), jnp.int32), key_run, variables, opt_state)

    def step(state: TrainState, batch: Batch, /) -> tuple[TrainState, Metrics]:
        key = key_of_step(state.key, state.step)

        def loss(variables: Variables) -> Outcome:
            return objective.loss(variables, batch, key)

        variables, opt_state, metrics = descend(
            loss, optimizer, state.variables, state.opt_state
        )
        new = state._replace(
            step=state.step + 1, variables=variables, opt_state=opt_state
        )
        return new, metrics

    return Update(init, step)
