"""Critics: networks that score all pairs of a batch."""

from collections.abc import Callable
from typing import Any

import jax

from genjax import nn
from genjax.base import Functions, Network, Objective
from genjax.mutual_information.estimators import Estimate
from genjax.typing import Array, Batch, Key, Variables


def separable_critic(first: Network, second: Network) -> Functions:
    """Scores a pair by the inner product of two embeddings.

        f(x_i, y_j) = g(x_i) . h(y_j)

    All `b^2` scores cost `2 b` network evaluations.

    Args:
        first: g, from `[b, ...]` to `[b, k]`.
        second: h, likewise.

    Returns:
        A network from `(x, y)` to scores `[b, b]`.

    >>> import jax.numpy as jnp
    >>> critic = separable_critic(*[nn.MLP(features=4, hidden=(8,))] * 2)
    >>> x, y = jnp.ones((3, 2)), jnp.ones((3, 5))
    >>> critic.apply(critic.init(jax.random.key(0), x, y), x, y).shape
    (3, 3)
    """
    g, h = (nn.stateless(each, user="separable_critic") for each in (first, second))

    def init(key: Key, x: Array, y: Array) -> Variables:
        key_first, key_second = jax.random.split(key)
        return {
            "params": {"first": g.init(key_first, x), "second": h.init(key_second, y)}
        }

    def apply(variables: Variables, x: Array, y: Array) -> Array:
        params = variables["params"]
        return g.apply(params["first"], x) @ h.apply(params["second"], y).T

    return Functions(init, apply)


def estimation(critic: Any, estimator: Callable[[Array], Estimate]) -> Objective:
    """Trains a critic to estimate mutual information.

        loss = -estimator(critic(x, y)).surrogate

    Args:
        critic: from `(x, y)` to scores `[b, b]`.
        estimator: from scores to an `Estimate`: `dv`, `nwj`, `infonce`, `smile`.

    Returns:
        An objective over batches `{"x": [b, ...], "y": [b, ...]}`, with the metric
        `mutual_information`, in nats.
    """

    def init(key: Key, batch: Batch) -> Variables:
        return critic.init(key, batch["x"], batch["y"])

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        del key
        estimate = estimator(critic.apply(variables, batch["x"], batch["y"]))
        value = -estimate.surrogate
        return value, ({}, {"loss": value, "mutual_information": estimate.value})

    return Objective(init, loss)
