"""Networks that have learnt."""

from typing import Any

from genjax.base import Network, NetworkLike
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Input, Key, Output, Variables

COLLECTION = "constants"
"""Of what has been learnt."""


def fixed(model: NetworkLike, variables: Variables) -> Network:
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
        InputError: `variables` has no `"params"`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> x, mlp = jnp.ones((1, 2)), nn.MLP(features=3, hidden=())
    >>> known = nn.fixed(mlp, mlp.init(jax.random.key(0), x))
    >>> held = known.init(jax.random.key(1), x)
    >>> held["params"], known.apply(held, x).shape
    ({}, (1, 3))
    """
    network = as_network(model, user="fixed")
    if "params" not in variables:
        raise InputError(
            "fixed: variables must be those of the network, with 'params', got "
            f"{sorted(variables)}."
        )

    def init(key: Key, /, *inputs: Input) -> Variables:
        del key, inputs
        return {"params": {}, COLLECTION: variables}

    def apply(own: Variables, /, *inputs: Input) -> Output:
        known: Any = own[COLLECTION]
        return network.apply(known, *inputs)

    return Network(init, apply)
