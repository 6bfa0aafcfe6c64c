"""Pairs whose mutual information is known."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.arrays import matmul
from genjax.errors import InputError
from genjax.typing import Array, Float, Key

Vectors = Float[Array, "b d"]


class PairTask(NamedTuple):
    """A joint distribution of two vectors.

    Fields:
        sample: `(key, n) -> (x [n, d], y [n, d])`.
        log_ratio: `(x, y) -> [b, b]`: `log p(x_i, y_j) / p(x_i) p(y_j)` of all pairs,
            the scores of the best critic.
        mutual_information: in nats.
    """

    sample: Callable[[Key, int], tuple[Array, Array]]
    log_ratio: Callable[[Vectors, Vectors], Array]
    mutual_information: float


def correlated_normals(*, dim: int, mutual_information: float) -> PairTask:
    """Normal vectors, correlated dimension by dimension.

        y = rho x + sqrt(1 - rho^2) e,   I = -d/2 log(1 - rho^2)
        log r(x, y) = sum_d -1/2 log(1 - rho^2)
                      - (rho^2 (x^2 + y^2) - 2 rho x y) / 2 (1 - rho^2)

    Both are `[b, dim]`, log-ratios of all pairs `[b, b]`.

    Args:
        dim: of each vector.
        mutual_information: in nats; it fixes `rho`.

    Raises:
        InputError: `dim` or `mutual_information` is out of range.

    Source: Poole et al., 2019, arXiv:1905.06922.

    >>> import jax
    >>> from genjax.mutual_information import correlated_normals
    >>> task = correlated_normals(dim=20, mutual_information=2.0)
    >>> x, y = task.sample(jax.random.key(0), 4)
    >>> task.log_ratio(x, y).shape
    (4, 4)
    """
    if dim < 1 or not 0 < mutual_information <= 4 * dim:
        raise InputError(
            "correlated_normals: dim and mutual_information must be positive, with at "
            "most 4 nats per dimension, beyond which float32 cannot tell x and y "
            f"apart; got {dim} and {mutual_information}."
        )
    rest = math.exp(-2 * mutual_information / dim)
    rho = math.sqrt(1 - rest)

    def sample(key: Key, n: int) -> tuple[Array, Array]:
        key_x, key_noise = jax.random.split(key)
        x = jax.random.normal(key_x, (n, dim))
        noise = jax.random.normal(key_noise, (n, dim))
        return x, rho * x + math.sqrt(rest) * noise

    def log_ratio(x: Vectors, y: Vectors) -> Array:
        squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None]
        quadratic = rho**2 * squares - 2 * rho * matmul(x, y.T)
        return mutual_information - 0.5 * quadratic / rest

    return PairTask(sample, log_ratio, mutual_information)
