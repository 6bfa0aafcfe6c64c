"""Normal distributions."""

import math

import jax
import jax.numpy as jnp

from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample


def standard_normal(event_shape: tuple[int, ...]) -> Density:
    """The normal with mean 0 and variance 1 in every dimension.

        log p(x) = -1/2 sum_d (x_d^2 + log 2 pi)

    Args:
        event_shape: the shape of one example.

    Returns:
        A density without parameters.

    >>> density = standard_normal((3,))
    >>> density.log_prob({}, jnp.zeros((1, 3))).round(4).tolist()
    [-2.7568]
    """
    noise = diagonal_normal(event_shape)
    zeros = jnp.zeros(event_shape)
    fixed = {"mean": zeros, "log_scale": zeros}

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        del key, x, condition
        return {}

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        del params
        return noise.log_prob(fixed, x, condition)

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        del params
        return noise.sample(fixed, key, n, condition)

    return Density(init, log_prob, sample)


def diagonal_normal(event_shape: tuple[int, ...]) -> Density:
    """The normal with a learnt mean and scale in every dimension.

        log p(x) = sum_d -1/2 ((x_d - mean_d) / scale_d)^2 - log scale_d - log(2 pi) / 2

    Args:
        event_shape: the shape of one example.

    Returns:
        A density with the parameters `mean` and `log_scale`, initialised at the moments
        of the first batch.

    >>> density = diagonal_normal((1,))
    >>> params = density.init(jax.random.key(0), jnp.array([[1.0], [3.0]]))
    >>> params["mean"].tolist()
    [2.0]
    """

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        del key, condition
        scale = jnp.maximum(x.std(axis=0), 1e-3)
        return {"mean": x.mean(axis=0), "log_scale": jnp.log(scale)}

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        del condition
        if x.shape[1:] != event_shape:
            raise InputError(
                f"normal: examples must have the shape {event_shape}, "
                f"got {x.shape[1:]} (a batch of {x.shape})."
            )
        scale = jnp.exp(params["log_scale"])
        noise = (x - params["mean"][None]) / scale[None]
        return _log_prob_of_noise(noise) - jnp.sum(params["log_scale"])

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        del condition
        noise = jax.random.normal(key, (n, *event_shape))
        x = params["mean"][None] + jnp.exp(params["log_scale"])[None] * noise
        return x, _log_prob_of_noise(noise) - jnp.sum(params["log_scale"])

    return Density(init, log_prob, sample)


def _log_prob_of_noise(noise: Array) -> Array:
    axes = tuple(range(1, noise.ndim))
    return -0.5 * jnp.sum(noise**2 + math.log(2 * math.pi), axis=axes)
