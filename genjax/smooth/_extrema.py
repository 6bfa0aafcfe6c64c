"""Smooth maxima and arg-maxima; `tau` is the temperature, 0 the hard limit.

Half precision is taken, and given back, in float32.
"""

import jax
import jax.numpy as jnp

from genjax.arrays import widened
from genjax.errors import InputError
from genjax.typing import Array, Float


def logsumexp_max(x: Array, *, tau: float = 1.0, axis: int = -1) -> Array:
    """A smooth maximum, never below the true one.

        f(x) = tau log sum_i exp(x_i / tau),   max x <= f(x) <= max x + tau log n

    Its gradient is `softmax_argmax(x)`.

    `x` is `[..., n, ...]`; the axis of n is gone in the result.

    Args:
        x: of any shape.
        tau: the temperature.
        axis: over which to take it.

    Raises:
        InputError: `tau` is not positive.

    Source: Nesterov, 2005.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import logsumexp_max
    >>> logsumexp_max(jnp.array([1.0, 3.0]), tau=0.1).round(4).item()
    3.0
    """
    check_tau("logsumexp_max", tau)
    return tau * jax.nn.logsumexp(widened(x) / tau, axis=axis)


def softmax_argmax(x: Array, *, tau: float = 1.0, axis: int = -1) -> Array:
    """A smooth one-hot arg-maximum: a distribution over the entries.

        p_i = exp(x_i / tau) / sum_j exp(x_j / tau),   1 - p_max <= (n - 1) e^(-gap/tau)

    `x` is `[..., n, ...]`, and so is the result.

    Args:
        x: of any shape.
        tau: the temperature.
        axis: over which to take it.

    Raises:
        InputError: `tau` is not positive.

    Source: Bridle, 1990.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import softmax_argmax
    >>> softmax_argmax(jnp.array([0.0, 1.0]), tau=0.05).round(4).tolist()
    [0.0, 1.0]
    """
    check_tau("softmax_argmax", tau)
    return jax.nn.softmax(widened(x) / tau, axis=axis)


def softmax_argmax_index(x: Float[Array, "*b n"], *, tau: float = 1.0) -> Array:
    """The expected index of the maximum, on the last axis.

        i(x) = sum_i i p_i

    On a bump it moves with the bump; of several maxima it is the mean, which may be
    none of them.

    Args:
        x: `[*b, n]`.
        tau: the temperature.

    Raises:
        InputError: `tau` is not positive.

    Source: Luvizon, Tabia and Picard, 2017, arXiv:1710.02322.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import softmax_argmax_index
    >>> softmax_argmax_index(jnp.array([0.0, 9.0, 0.0]), tau=0.1).item()
    1.0
    """
    weights = softmax_argmax(x, tau=tau)
    places = jnp.arange(x.shape[-1], dtype=weights.dtype)
    return jnp.sum(weights * jnp.broadcast_to(places, weights.shape), axis=-1)


def check_tau(user: str, tau: float) -> None:
    """Refuses a temperature that is not positive.

    Raises:
        InputError: it is not.
    """
    if isinstance(tau, int | float) and tau <= 0:
        raise InputError(f"{user}: tau must be positive, got {tau}.")
