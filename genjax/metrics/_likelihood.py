"""Likelihoods over whole data sets, in nats and in bits per dimension."""

import math

import jax.numpy as jnp

from genjax.base import Density
from genjax.errors import InputError
from genjax.metrics._blocks import in_blocks
from genjax.typing import (
    Array,
    Condition,
    Event,
    Float,
    Key,
    Mask,
    PerExample,
    Scalar,
    Variables,
)


def log_probs(
    density: Density, variables: Variables, x: Event, *, block: int = 1000
) -> PerExample:
    """Returns `log p(x)` of every example of a data set, in nats, block by block.

    Args:
        density: the model.
        variables: its variables.
        x: the examples `[n, *event]`.
        block: examples at a time.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import log_probs
    >>> from genjax.densities import standard_normal
    >>> log_probs(standard_normal((2,)), {}, jnp.zeros((7, 2)), block=3).shape
    (7,)
    """
    return in_blocks(lambda rows: density.log_prob(variables, rows), x, block=block)


def mean_log_prob(
    density: Density, variables: Variables, x: Event, *, block: int = 1000
) -> Scalar:
    """Returns the mean of `log p(x)` over a data set, in nats, block by block.

    Every example counts once, whatever the block.

    Args:
        density: the model.
        variables: its variables.
        x: the examples `[n, *event]`.
        block: examples at a time.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import mean_log_prob
    >>> from genjax.densities import standard_normal
    >>> density = standard_normal((2,))
    >>> mean_log_prob(density, {}, jnp.zeros((7, 2)), block=3).round(4).item()
    -1.8379
    """
    return jnp.mean(log_probs(density, variables, x, block=block))


def completion_log_probs(
    density: Density,
    variables: Variables,
    key: Key,
    x: Event,
    observed: Mask,
    condition: Condition = None,
) -> PerExample:
    """Returns `log p(x_hidden | x_observed)` of given examples, in nats.

        log p(x_hidden | x_observed) = log p(x) - log p(x_observed)

    The evidence `p(x_observed)` is what any completion `y` of it tells:
    `log p(y) - log p(y_hidden | x_observed)`.

    Args:
        density: a model with an exact `complete`. An orderless one (`deep_nade`) needs
            an order: without one it completes by others than that of its `log_prob`.
        variables: its variables.
        key: of that completion.
        x: the examples `[n, d]`.
        observed: the mask `[d]`.
        condition: of the model, where it has one.

    Raises:
        InputError: the density has no exact completion.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import completion_log_probs
    >>> import jax
    >>> from genjax.autoregressive import fvsbn
    >>> model, x = fvsbn(), jnp.eye(4)
    >>> variables, key = model.init(jax.random.key(0), x), jax.random.key(1)
    >>> observed = jnp.array([True, True, False, False])
    >>> completion_log_probs(model, variables, key, x, observed).shape
    (4,)
    """
    if density.complete is None:
        raise InputError(
            "completion_log_probs: this density has no exact completion of partly "
            "observed events; autoregressive models have one."
        )
    drawn, conditional = density.complete(variables, key, x, observed, condition)
    evidence = density.log_prob(variables, drawn, condition) - conditional
    return density.log_prob(variables, x, condition) - evidence


def bits_per_dim(
    log_prob: Float[Array, "..."], *, dims: int, levels: int
) -> Float[Array, "..."]:
    """Converts log-densities of dequantised data to bits per dimension.

        bits/dim = -(log p(y) - d log levels) / (d log 2)

    Args:
        log_prob: of the data scaled to [0, 1), in nats; where the model sees another
            scale (logits), add that map's log-determinant first.
        dims: the dimensions d of one example.
        levels: how many values a dimension could take: 256 for 8-bit images.

    Source: Theis, van den Oord and Bethge, 2016, arXiv:1511.01844.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import bits_per_dim
    >>> bits_per_dim(jnp.array(0.0), dims=4, levels=256).item()
    8.0
    """
    return (math.log(levels) - log_prob / dims) / math.log(2)
