"""Likelihoods over whole data sets, in nats and in bits a dimension."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density
from genjax.typing import (
    Array,
    Bool,
    Condition,
    Event,
    Float,
    Key,
    Params,
    PerExample,
    Scalar,
)

Observed = Bool[Array, " d"] | Bool[np.ndarray, " d"]


def log_probs(
    density: Density, params: Params, x: Event, *, batch_size: int = 1000
) -> PerExample:
    """Returns `log p(x)` of every example of a data set, in nats, batch by batch.

    Args:
        density: the model.
        params: its parameters.
        x: the examples `[n, *event]`.
        batch_size: examples at a time.

    >>> from genjax.densities import standard_normal
    >>> log_probs(standard_normal((2,)), {}, jnp.zeros((7, 2)), batch_size=3).shape
    (7,)
    """
    whole = len(x) - len(x) % batch_size

    def of_batch(batch: Array) -> Array:
        return density.log_prob(params, batch)

    batches = x[:whole].reshape(-1, batch_size, *x.shape[1:])
    values = jax.lax.map(of_batch, batches).reshape(-1)
    if whole == len(x):
        return values
    return jnp.concatenate([values, of_batch(x[whole:])])


def mean_log_prob(
    density: Density, params: Params, x: Event, *, batch_size: int = 1000
) -> Scalar:
    """Returns the mean of `log p(x)` over a data set, in nats, batch by batch.

    Every example counts once, whatever the batch size.

    Args:
        density: the model.
        params: its parameters.
        x: the examples `[n, *event]`.
        batch_size: examples at a time.

    >>> from genjax.densities import standard_normal
    >>> density = standard_normal((2,))
    >>> mean_log_prob(density, {}, jnp.zeros((7, 2)), batch_size=3).round(4).item()
    -1.8379
    """
    return jnp.mean(log_probs(density, params, x, batch_size=batch_size))


def completion_log_probs(
    density: Density,
    params: Params,
    key: Key,
    x: Event,
    observed: Observed,
    condition: Condition = None,
) -> PerExample:
    """Returns `log p(x_hidden | x_observed)` of given examples, in nats.

        log p(x_hidden | x_observed) = log p(x) - log p(x_observed)

    The evidence `p(x_observed)` is what any completion `y` of it tells:
    `log p(y) - log p(y_hidden | x_observed)`.

    Args:
        density: a model with an exact `complete`. An orderless one (`deep_nade`) needs
            an order: without one it completes by others than that of its `log_prob`.
        params: its parameters.
        key: of that completion.
        x: the examples `[n, d]`.
        observed: the mask `[d]`.
        condition: of the model, where it has one.

    >>> from genjax.autoregressive import fvsbn
    >>> model, x = fvsbn(), jnp.eye(4)
    >>> params, key = model.init(jax.random.key(0), x), jax.random.key(1)
    >>> observed = jnp.array([True, True, False, False])
    >>> completion_log_probs(model, params, key, x, observed).shape
    (4,)
    """
    drawn, conditional = density.complete(params, key, x, observed, condition)
    evidence = density.log_prob(params, drawn, condition) - conditional
    return density.log_prob(params, x, condition) - evidence


def bits_per_dim(
    log_prob: Float[Array, "..."], *, dims: int, levels: int
) -> Float[Array, "..."]:
    """Converts log-densities of dequantised data to bits a dimension.

        bits/dim = -(log p(y) - d log levels) / (d log 2)

    Args:
        log_prob: of the data scaled to [0, 1), in nats; where the model sees another
            scale (logits), add that map's log-determinant first.
        dims: the dimensions d of one example.
        levels: how many values a dimension could take: 256 for 8-bit images.

    >>> bits_per_dim(jnp.array(0.0), dims=4, levels=256).item()
    8.0
    """
    return (math.log(levels) - log_prob / dims) / math.log(2)
