"""Networks one after the other."""

import jax

from genjax.base import Network, NetworkLike
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Input, Key, Output, Variables
from genjax.variables import join_changes, join_sequence, parts_of


def in_turn(*models: NetworkLike) -> Network:
    """Networks one after the other, as one.

    Args:
        models: each takes what the one before returns.

    Returns:
        A network whose variables are those of all, by their places.

    Raises:
        InputError: there is none.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> neck = nn.in_turn(nn.FPN(features=4), nn.ContextModule(features=8))
    >>> levels = (jnp.ones((1, 8, 8, 8)), jnp.ones((1, 4, 4, 16)))
    >>> [p.shape for p in neck.apply(neck.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 8), (1, 4, 4, 8)]
    """
    if not models:
        raise InputError("in_turn: there is no network.")
    networks = [as_network(model, user="in_turn") for model in models]

    def init(key: Key, /, *inputs: Input) -> Variables:
        parts, keys = [], jax.random.split(key, len(networks))
        for own, part in zip(networks, keys, strict=True):
            parts.append(own.init(part, *inputs))
            inputs = (own.apply(parts[-1], *inputs),)
        return join_sequence(parts)

    def apply(variables: Variables, /, *inputs: Input) -> Output:
        for own, part in zip(networks, parts_of(variables, len(networks)), strict=True):
            inputs = (own.apply(part, *inputs),)
        return inputs[0]

    def train(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        changed = {}
        keys = jax.random.split(key, len(networks))
        parts = parts_of(variables, len(networks))
        for place, (own, part) in enumerate(zip(networks, parts, strict=True)):
            output, changed[str(place)] = own.train(part, keys[place], *inputs)
            inputs = (output,)
        return inputs[0], join_changes(changed)

    return Network(init, apply, train)
