"""Objectives made of objectives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.base import Objective
from genjax.steps import microbatches
from genjax.typing import Array, Batch, Key, Variables


def with_preprocessing(
    objective: Objective, preprocess: Callable[[Key, Batch], Batch]
) -> Objective:
    """Prepares every batch, with randomness of its own, before the objective sees it.

        loss'(batch, key) = loss(preprocess(key_1, batch), key_2)

    Args:
        objective: what to minimise.
        preprocess: pure `(key, batch) -> batch`: dequantisation, augmentation, casts.

    Returns:
        An objective over raw batches.

    >>> from genjax.densities import negative_log_likelihood, standard_normal
    >>> halved = with_preprocessing(
    ...     negative_log_likelihood(standard_normal((1,))),
    ...     lambda key, batch: {"x": batch["x"] / 2},
    ... )
    >>> batch = {"x": jnp.full((1, 1), 2.0)}
    >>> round(float(halved.loss({"params": {}}, batch, jax.random.key(0))[0]), 4)
    1.4189
    """

    def init(key: Key, batch: Batch) -> Variables:
        key_batch, key_init = jax.random.split(key)
        return objective.init(key_init, preprocess(key_batch, batch))

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        key_batch, key_loss = jax.random.split(key)
        return objective.loss(variables, preprocess(key_batch, batch), key_loss)

    return Objective(init, loss)


def accumulate(objective: Objective, n: int) -> Objective:
    """Evaluates an objective over `n` equal microbatches, one after another.

        loss'(batch) = 1/n sum_i loss(microbatch_i)

    Memory is that of one microbatch: each is recomputed in the backward pass, which
    costs one more forward pass. Equal to the whole batch wherever the loss is a mean
    over examples. Changed collections go from one microbatch to the next.

    Args:
        objective: what to minimise.
        n: how many microbatches; it must divide the batch.

    Raises:
        InputError: `n` does not divide the batch.

    >>> from genjax.densities import negative_log_likelihood, standard_normal
    >>> objective = accumulate(negative_log_likelihood(standard_normal((1,))), 2)
    >>> batch = {"x": jnp.zeros((4, 1))}
    >>> loss, _ = objective.loss({"params": {}}, batch, jax.random.key(0))
    >>> round(float(loss), 4)
    0.9189
    """

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        parts = microbatches(batch, n, user="accumulate")
        keys = jax.random.split(key, n)

        def evaluate(collections: Variables, microbatch: Batch, key: Key):
            current = {**variables, **collections}
            value, (new, metrics) = objective.loss(current, microbatch, key)
            return {**collections, **new}, (value, metrics)

        first = jax.tree.map(lambda leaf: leaf[0], parts)
        changed = jax.eval_shape(evaluate, {}, first, keys[0])[0]
        start = {name: variables[name] for name in changed}
        body = jax.checkpoint(lambda carry, item: evaluate(carry, *item))
        new, (values, metrics) = jax.lax.scan(body, start, (parts, keys))
        mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), (values, metrics))
        return mean[0], (new, mean[1])

    return Objective(objective.init, loss)
