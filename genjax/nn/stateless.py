"""Networks without state, as functions of their parameters."""

from typing import Any

import jax.numpy as jnp
from flax.errors import ScopeParamNotFoundError, ScopeParamShapeError

from genjax.base import Functions, Network, params_of
from genjax.errors import InputError
from genjax.typing import Array, Key, Params


def stateless(network: Network, *, user: str) -> Functions:
    """A network that has parameters and no other state, as functions of those.

    Args:
        network: any whose variables are `"params"` alone.
        user: who asks, for the sentences of errors.

    Returns:
        `init(key, *inputs) -> params` and `apply(params, *inputs) -> outputs`, the
        latter in float32. Inputs that are None are left out, so that a condition goes
        in where there is one.

    Raises:
        InputError: the network has other collections, its inputs differ in their rows,
            or they are not of the shapes that it was initialised on.

    >>> import jax
    >>> from genjax import nn
    >>> network = stateless(nn.MLP(features=2, hidden=(8,)), user="doctest")
    >>> params = network.init(jax.random.key(0), jnp.ones((3, 4)), None)
    >>> network.apply(params, jnp.ones((5, 4))).shape
    (5, 2)
    """

    def init(key: Key, *inputs: Array | None) -> Params:
        return params_of(network.init(key, *_given(user, inputs)), user=user)

    def apply(params: Params, *inputs: Array | None) -> Array:
        given = _given(user, inputs)
        try:
            outputs = network.apply({"params": params}, *given)
        except (ScopeParamNotFoundError, ScopeParamShapeError) as error:
            raise InputError(
                f"{user}: the network was initialised on inputs of other shapes than "
                f"{[i.shape for i in given]}: a condition is missing, added or of "
                "another width."
            ) from error
        return outputs.astype(jnp.float32)

    return Functions(init, apply)


def _given(user: str, inputs: tuple[Any, ...]) -> list[Array]:
    given = [x for x in inputs if x is not None]
    if len({len(x) for x in given}) > 1:
        raise InputError(
            f"{user}: x and its condition must have one row an example, got the "
            f"shapes {[x.shape for x in given]}."
        )
    return given
