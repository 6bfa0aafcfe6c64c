"""Applying a network while it trains, whether it keeps statistics or not."""

from typing import Any

from genjax.base import Network
from genjax.typing import Variables


def training_pass(
    network: Network, variables: Variables, *inputs: Any
) -> tuple[Any, Variables]:
    """Applies a network and returns the collections that the pass has changed.

    A network that keeps nothing but parameters is applied as it is. One that keeps
    other collections, such as batch statistics, is a Flax module whose call takes
    `train`, and gets `train=True` here.

    Args:
        network: any network.
        variables: its variables.
        inputs: its inputs.

    Returns:
        The outputs, and the changed collections, `{}` where there are none.

    >>> import jax, jax.numpy as jnp
    >>> from genjax import nn
    >>> x, norm = jnp.ones((4, 2)), nn.BatchNorm()
    >>> variables = norm.init(jax.random.key(0), x, train=False)
    >>> sorted(training_pass(norm, variables, x)[1])
    ['batch_stats']
    """
    collections = [name for name in variables if name != "params"]
    if not collections:
        return network.apply(variables, *inputs), {}
    apply: Any = network.apply
    return apply(variables, *inputs, train=True, mutable=collections)
