"""Classifier-free guidance: one network, with and without its condition."""

import jax
import jax.numpy as jnp

from genjax.base import Network, NetworkLike, Objective
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Batch, Input, Key, Outcome, Variables


def guided(model: NetworkLike, *, scale: float, unconditional: Array) -> Network:
    """A velocity pushed away from the unconditional one: classifier-free guidance.

        v(x, t, c) = v(x, t, empty) + scale (v(x, t, c) - v(x, t, empty))

    Both velocities come from one pass over a doubled batch. The network learns the
    empty condition by `drop_condition`.

    Args:
        model: the network of a trained conditional velocity.
        scale: 1 is the conditional velocity itself, above 1 is sharper.
        unconditional: the empty condition `[*condition]`.

    Returns:
        A network with the same variables.

    Source: Ho and Salimans, 2022, arXiv:2207.12598.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import guided
    >>> from genjax import nn
    >>> network = nn.TimeMLP(features=2, hidden=(8,))
    >>> x, t, condition = jnp.ones((3, 2)), jnp.zeros(3), jnp.ones((3, 4))
    >>> sharper = guided(network, scale=2.0, unconditional=jnp.zeros(4))
    >>> variables = sharper.init(jax.random.key(0), x, t, condition)
    >>> sharper.apply(variables, x, t, condition).shape
    (3, 2)
    """
    network = as_pure_network(model, user="guided")

    def apply(variables: Variables, /, *inputs: Input) -> Array:
        x, t, *rest = inputs
        condition = _checked("guided", rest[0] if rest else None, unconditional)
        empty = jnp.broadcast_to(unconditional[None], condition.shape)
        both = network.apply(
            variables,
            jnp.concatenate([x, x]),
            jnp.concatenate([t, t]),
            jnp.concatenate([condition, empty]),
        )
        wanted, plain = jnp.split(both, 2)
        return plain + scale * (wanted - plain)

    return Network(network.init, apply)


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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flow_matching import drop_condition, flow_matching
    >>> inner = flow_matching(nn.TimeMLP(features=2, hidden=(8,)))
    >>> objective = drop_condition(inner, rate=0.1, unconditional=jnp.zeros(4))
    >>> batch = {"x": jnp.ones((3, 2)), "condition": jnp.ones((3, 4))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    check_is("drop_condition", Objective, objective=objective)
    if not 0 <= rate < 1:
        raise InputError(f"drop_condition: rate must be in [0, 1), got {rate}.")

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_drop, key_loss = jax.random.split(key)
        condition = _checked("drop_condition", batch.get("condition"), unconditional)
        shape = (len(condition), *[1] * (condition.ndim - 1))
        is_dropped = jax.random.bernoulli(key_drop, rate, shape)
        dropped = jnp.where(is_dropped, unconditional[None], condition)
        return objective.loss(variables, {**batch, "condition": dropped}, key_loss)

    return Objective(objective.init, loss)


def _checked(user: str, condition: Array | None, unconditional: Array) -> Array:
    wanted = unconditional.shape
    if condition is None or condition.shape[1:] != wanted:
        found = None if condition is None else condition.shape
        raise InputError(
            f"{user}: the condition must have the shape [b, *{wanted}] of the empty "
            f"one, got {found}."
        )
    return condition
