"""Networks that have learnt."""

from collections.abc import Mapping
from typing import Any

import jax

from genjax.base import Network, NetworkLike
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Input, Key, Output, Variables

COLLECTION = "constants"
"""Of what has been learnt."""


def frozen(model: NetworkLike, variables: Variables) -> Network:
    """A network that has learnt, as a part of one that learns: its variables stay.

    It is always evaluated, in training too: without dropout, with the statistics that
    it has.

    Args:
        model: any network.
        variables: what it has learnt.

    Returns:
        A network of the same inputs and outputs without a parameter; `variables` are
        its collection `"constants"`.

    Raises:
        InputError: `variables` has no `"params"`, or, at `init`, other shapes than
            those of the network.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> x, mlp = jnp.ones((1, 2)), nn.MLP(features=3, hidden=())
    >>> known = nn.frozen(mlp, mlp.init(jax.random.key(0), x))
    >>> held = known.init(jax.random.key(1), x)
    >>> held["params"], known.apply(held, x).shape
    ({}, (1, 3))
    """
    network = as_network(model, user="frozen")
    if not isinstance(variables, Mapping) or "params" not in variables:
        found = sorted(variables) if isinstance(variables, Mapping) else variables
        raise InputError(
            "frozen: variables must be those of the network, with 'params', got "
            f"{found}."
        )

    def init(key: Key, /, *inputs: Input) -> Variables:
        own = jax.eval_shape(network.init, key, *inputs)
        wanted, found = (jax.tree.map(lambda x: x.shape, v) for v in (own, variables))
        if wanted != found:
            raise InputError(
                "frozen: the variables are not those of the network, which would have "
                f"{wanted}, got {found}."
            )
        return {"params": {}, COLLECTION: variables}

    def apply(own: Variables, /, *inputs: Input) -> Output:
        known: Any = own[COLLECTION]
        return network.apply(known, *inputs)

    return Network(init, apply)
