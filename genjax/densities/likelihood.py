"""From a density to an objective: maximum likelihood."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.base import Density, Objective
from genjax.errors import InputError
from genjax.typing import Array, Batch, Key, Variables


def negative_log_likelihood(density: Density) -> Objective:
    """Minimises the mean negative log-likelihood of a density, in nats.

        loss = -mean_i log p(x_i | condition_i)

    Args:
        density: the model.

    Returns:
        An objective over batches `{"x": [b, *event]}`, or `{"x": ..., "condition":
        [b, *condition]}` for a conditional density. Its metrics are `loss` and `nll`.

    Raises:
        InputError: a batch has no field `"x"`.

    >>> from genjax.densities import standard_normal
    >>> objective = negative_log_likelihood(standard_normal((2,)))
    >>> loss, _ = objective.loss({"params": {}}, {"x": jnp.zeros((5, 2))}, None)
    >>> round(float(loss), 4)
    1.8379
    """

    def init(key: Key, batch: Batch) -> Variables:
        x, condition = _split(batch)
        return {"params": density.init(key, x, condition)}

    def loss(
        variables: Variables, batch: Batch, key: Key | None
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        del key
        x, condition = _split(batch)
        log_prob = density.log_prob(variables["params"], x, condition)
        value = -jnp.mean(log_prob.astype(jnp.float32))
        return value, ({}, {"loss": value, "nll": value})

    return Objective(init, loss)


def stochastic_likelihood(make: Callable[[Key], Density]) -> Objective:
    """Maximum likelihood of a density whose log-determinant is estimated.

        loss = -mean_i log p(x_i; a fresh key a step)

    An estimate whose key stays the same is learnt by heart: training would drive it far
    below the entropy while the density gets worse. Hence each step draws its own.

    Args:
        make: from a key to a density, all with the same parameters: `lambda key:
            density(continuous(..., divergence=hutchinson_divergence(key)), base)`.

    Returns:
        An objective like that of `negative_log_likelihood`.

    >>> from genjax.densities import standard_normal
    >>> objective = stochastic_likelihood(lambda key: standard_normal((2,)))
    >>> batch, key = {"x": jnp.zeros((5, 2))}, jax.random.key(0)
    >>> round(float(objective.loss({"params": {}}, batch, key)[0]), 4)
    1.8379
    """

    def init(key: Key, batch: Batch) -> Variables:
        key_make, key_init = jax.random.split(key)
        return negative_log_likelihood(make(key_make)).init(key_init, batch)

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        return negative_log_likelihood(make(key)).loss(variables, batch, None)

    return Objective(init, loss)


def _split(batch: Batch) -> tuple[Array, Array | None]:
    if not isinstance(batch, dict) or "x" not in batch:
        fields = sorted(batch) if isinstance(batch, dict) else type(batch).__name__
        raise InputError(
            "negative_log_likelihood: a batch must be a dict with the field 'x' (and "
            f"'condition' for a conditional density), got {fields}."
        )
    return batch["x"], batch.get("condition")
