"""Critics: networks that score all pairs of a batch."""

from collections.abc import Callable

import jax

from genjax.arrays import matmul
from genjax.base import Network, NetworkLike, Objective
from genjax.checks import read_batch
from genjax.mutual_information._estimators import Estimate
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Input, Key, Outcome, Variables
from genjax.variables import join_changes, join_parts, part_of


def separable_critic(first: NetworkLike, second: NetworkLike) -> Network:
    """Scores a pair by the inner product of two embeddings.

        f(x_i, y_j) = g(x_i) . h(y_j)

    All `b^2` scores cost `2 b` network evaluations.

    Args:
        first: g, from `[b, ...]` to `[b, k]`.
        second: h, likewise.

    Returns:
        A network from `(x, y)` to scores `[b, b]`.

    Source: Poole et al., 2019, arXiv:1905.06922.

    >>> import jax
    >>> from genjax.mutual_information import separable_critic
    >>> from genjax import nn
    >>> import jax.numpy as jnp
    >>> critic = separable_critic(*[nn.MLP(features=4, hidden=(8,))] * 2)
    >>> x, y = jnp.ones((3, 2)), jnp.ones((3, 5))
    >>> critic.apply(critic.init(jax.random.key(0), x, y), x, y).shape
    (3, 3)
    """
    g, h = (as_network(each, user="separable_critic") for each in (first, second))

    def init(key: Key, /, *inputs: Input) -> Variables:
        key_first, key_second = jax.random.split(key)
        x, y = inputs
        return join_parts(
            {"first": g.init(key_first, x), "second": h.init(key_second, y)}
        )

    def apply(variables: Variables, /, *inputs: Input) -> Array:
        x, y = inputs
        of_x = g.apply(part_of(variables, "first"), x)
        return matmul(of_x, h.apply(part_of(variables, "second"), y).T)

    def training(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Array, Variables]:
        key_first, key_second = jax.random.split(key)
        x, y = inputs
        of_x, first = g.train(part_of(variables, "first"), key_first, x)
        of_y, second = h.train(part_of(variables, "second"), key_second, y)
        return matmul(of_x, of_y.T), join_changes({"first": first, "second": second})

    return Network(init, apply, training)


def estimation(
    critic: NetworkLike, estimator: Callable[[Array], Estimate]
) -> Objective:
    """Trains a critic to estimate mutual information.

        loss = -estimator(critic(x, y)).surrogate

    Args:
        critic: from `(x, y)` to scores `[b, b]`.
        estimator: from scores to an `Estimate`: `dv`, `nwj`, `infonce`, `smile`.

    Returns:
        An objective over batches `{"x": [b, ...], "y": [b, ...]}`, with the metric
        `mutual_information`, in nats.

    Source: Belghazi et al., 2018, arXiv:1801.04062.

    >>> import jax
    >>> from genjax import nn
    >>> from genjax.mutual_information import estimation, nwj, separable_critic
    >>> import jax.numpy as jnp
    >>> critic = separable_critic(*[nn.MLP(features=4, hidden=(8,))] * 2)
    >>> objective = estimation(critic, nwj)
    >>> batch = {"x": jnp.ones((3, 2)), "y": jnp.ones((3, 5))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    network = as_network(critic, user="estimation")

    def fields(batch: Batch) -> tuple:
        return read_batch("estimation", batch, ("x", "y"))

    def init(key: Key, batch: Batch, /) -> Variables:
        return network.init(key, *fields(batch))

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        scores, changed = network.train(variables, key, *fields(batch))
        estimate = estimator(scores)
        value = -estimate.surrogate
        return value, (changed, {"loss": value, "mutual_information": estimate.value})

    return Objective(init, loss)
