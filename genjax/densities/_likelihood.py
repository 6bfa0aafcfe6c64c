"""From a density to an objective: maximum likelihood."""

import jax
import jax.numpy as jnp

from genjax.arrays import widened
from genjax.base import Density, NetworkLike, Objective
from genjax.checks import check_condition_is_read, check_is, read_batch
from genjax.nn.adapters import as_network
from genjax.typing import Batch, Key, Outcome, PerExample, Variables
from genjax.variables import join_changes, join_parts, part_of


def negative_log_likelihood(density: Density) -> Objective:
    """Minimises the mean negative log-likelihood of a density, in nats.

        loss = -mean_i log p(x_i | condition_i)

    Args:
        density: the model.

    Returns:
        An objective over batches `{"x": [b, *event]}`, or `{"x": ..., "condition":
        [b, *condition]}` for a conditional density. Its metrics are `loss` and `nll`.

    Raises:
        InputError: a batch has no field `"x"`, or one that is not read, a condition
            that no part of the density reads included.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import negative_log_likelihood, standard_normal
    >>> objective = negative_log_likelihood(standard_normal((2,)))
    >>> batch, key = {"x": jnp.zeros((5, 2))}, jax.random.key(0)
    >>> round(float(objective.loss({"params": {}}, batch, key)[0]), 4)
    1.8379
    """
    check_is("negative_log_likelihood", Density, density=density)

    def init(key: Key, batch: Batch, /) -> Variables:
        x, condition = _fields(batch)
        variables = density.init(key, x, condition)
        check_condition_is_read(
            "negative_log_likelihood",
            lambda condition: density.log_prob(variables, x, condition),
            condition,
        )
        return variables

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        del key
        x, condition = _fields(batch)
        return mean_nll(density.log_prob(variables, x, condition))

    return Objective(init, loss)


def conditional_likelihood(density: Density, model: NetworkLike) -> Objective:
    """Maximum likelihood of a density conditioned on what a network makes of a batch.

        loss = -mean_i log p(x_i | network(condition_i))

    The objective applies the network, in training: batch statistics move, dropout drops
    and examples may see one another, none of which a density could do. Both learn.

    Args:
        density: takes the network's outputs for its condition.
        model: any network of the field `"condition"`.

    Returns:
        An objective over batches `{"x": [b, *event], "condition": [b, ...]}` with the
        parts `density` and `network`.

    Raises:
        InputError: a batch lacks a field, or has one that is not read.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import conditional_likelihood, conditional_normal
    >>> density = conditional_normal(nn.MLP(features=2, hidden=()))
    >>> objective = conditional_likelihood(density, nn.BatchNorm())
    >>> batch = {"x": jnp.ones((4, 1)), "condition": jnp.eye(4)}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> _, (changed, _) = objective.loss(variables, batch, jax.random.key(1))
    >>> sorted(changed)
    ['batch_stats']
    """
    check_is("conditional_likelihood", Density, density=density)
    network = as_network(model, user="conditional_likelihood")

    def init(key: Key, batch: Batch, /) -> Variables:
        x, given = read_batch("conditional_likelihood", batch, ("x", "condition"))
        key_network, key_density = jax.random.split(key)
        own = network.init(key_network, given)
        condition = network.apply(own, given)
        inner = density.init(key_density, x, condition)
        return join_parts({"network": own, "density": inner})

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        x, given = read_batch("conditional_likelihood", batch, ("x", "condition"))
        condition, changed = network.train(part_of(variables, "network"), key, given)
        log_prob = density.log_prob(part_of(variables, "density"), x, condition)
        value, (_, metrics) = mean_nll(log_prob)
        return value, (join_changes({"network": changed}), metrics)

    return Objective(init, loss)


def mean_nll(log_prob: PerExample) -> Outcome:
    """The outcome of maximum likelihood, with the metrics `loss` and `nll`.

    Args:
        log_prob: of the examples, in nats.
    """
    value = -jnp.mean(widened(log_prob))
    return value, ({}, {"loss": value, "nll": value})


def _fields(batch: Batch) -> tuple:
    return read_batch("negative_log_likelihood", batch, ("x",), ("condition",))
