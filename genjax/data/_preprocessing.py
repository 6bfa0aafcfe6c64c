"""Preprocessing as pure functions; what needs noise takes a key."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import InputError
from genjax.typing import Array, Float, Key


def flatten(x: Array | np.ndarray) -> Array:
    """Turns `[b, *event]` into float vectors `[b, d]`.

    >>> import jax.numpy as jnp
    >>> from genjax.data import flatten
    >>> flatten(jnp.ones((2, 3, 4))).shape
    (2, 12)
    """
    return jnp.asarray(x, jnp.float32).reshape(x.shape[0], -1)


def scale_pixels(
    x: Array | np.ndarray, *, levels: int = 256, low: float = 0.0, high: float = 1.0
) -> Float[Array, "..."]:
    """Scales grey levels to an interval: 0 to `low`, the brightest to `high`.

        y = low + (high - low) x / (levels - 1)

    Args:
        x: integers from 0 to `levels` - 1, such as the pixels of a uint8 image.
        levels: how many there are.
        low: of the interval.
        high: of the interval; generators that end in a tanh take -1 and 1.

    Raises:
        InputError: `x` holds no integers: it is scaled already.

    >>> import numpy as np
    >>> from genjax.data import scale_pixels
    >>> scale_pixels(np.array([0, 255], np.uint8), low=-1.0).tolist()
    [-1.0, 1.0]
    """
    if not jnp.issubdtype(x.dtype, jnp.integer):
        raise InputError(
            f"scale_pixels: x must hold integers, the grey levels, got {x.dtype}."
        )
    return low + (high - low) / (levels - 1) * jnp.asarray(x).astype(jnp.float32)


def binarize(x: Array | np.ndarray, *, threshold: float) -> Float[Array, "..."]:
    """Returns 1 where `x >= threshold`, else 0: a *fixed* binarisation.

    >>> import jax.numpy as jnp
    >>> from genjax.data import binarize
    >>> binarize(jnp.array([0, 7, 8, 16]), threshold=8).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    return (jnp.asarray(x) >= threshold).astype(jnp.float32)


def binarize_dynamically(key: Key, p: Array) -> Float[Array, "..."]:
    """Draws each element from a Bernoulli of its intensity: another set every epoch.

    Likelihoods under dynamic binarisation are lower than under a fixed one; always say
    which was used.

    Args:
        key: of the draw.
        p: intensities in [0, 1].

    Source: Burda, Grosse and Salakhutdinov, 2016, arXiv:1509.00519.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.data import binarize_dynamically
    >>> binarize_dynamically(jax.random.key(0), jnp.array([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    return jax.random.bernoulli(key, p).astype(jnp.float32)


def dequantize(key: Key, x: Array, *, levels: int) -> Float[Array, "..."]:
    """Spreads integers uniformly over [0, 1).

        y = (x + u) / levels,   u ~ U[0, 1)

    A density `p(y)` then bounds that of the integers: `log P(x) >= E_u log p(y) -
    d log levels`, which is what `genjax.metrics.bits_per_dim` converts.

    Args:
        key: of the noise.
        x: integers in 0 ... levels - 1.
        levels: how many there are.

    Source: Uria, Murray and Larochelle, 2013, arXiv:1306.0186.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.data import dequantize
    >>> y = dequantize(jax.random.key(0), jnp.array([0, 255]), levels=256)
    >>> jnp.floor(y * 256).tolist()
    [0.0, 255.0]
    """
    lower = x.astype(jnp.float32)
    y = (lower + jax.random.uniform(key, x.shape)) / levels
    # Noise close to 1 would round up into the next bin.
    return jnp.minimum(y, jnp.nextafter((lower + 1) / levels, jnp.zeros_like(lower)))


def logit(x: Array, *, margin: float = 0.05) -> tuple[Array, Array]:
    """Maps [0, 1] to the real line, with its log-determinant.

        y = log(s / (1 - s)),   s = margin + (1 - 2 margin) x

    Args:
        x: `[b, *event]` in [0, 1].
        margin: keeps `s` away from 0 and 1; in [0, 1/2).

    Returns:
        `y` and `log|det dy/dx|` `[b]`.

    Raises:
        InputError: `margin` is outside [0, 1/2).

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax.numpy as jnp
    >>> from genjax.data import logit
    >>> y, log_det = logit(jnp.array([[0.5]]), margin=0.0)
    >>> y.tolist(), log_det.round(4).tolist()
    ([[0.0]], [1.3863])
    """
    if not 0 <= margin < 0.5:
        raise InputError(f"logit: margin must be in [0, 1/2), got {margin}.")
    slope = 1 - 2 * margin
    s = margin + slope * x
    log_s, log_rest = jnp.log(s), jnp.log1p(-s)
    log_det = jnp.log(slope) - log_s - log_rest
    return log_s - log_rest, jnp.sum(log_det, axis=tuple(range(1, x.ndim)))


class Standardiser(NamedTuple):
    """The mean and scale of each column of a training set."""

    mean: np.ndarray
    scale: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Returns `(x - mean) / scale`."""
        return ((x - self.mean) / self.scale).astype(np.float32)


def fit_standardiser(train: np.ndarray) -> Standardiser:
    """Fits a standardisation on the training rows, and on nothing else.

    Args:
        train: `[n, d]`.

    Raises:
        InputError: a column is constant, so that it has no scale.

    >>> import numpy as np
    >>> from genjax.data import fit_standardiser
    >>> fit_standardiser(np.array([[0.0], [2.0]])).apply(np.array([[3.0]])).tolist()
    [[2.0]]
    """
    # Not by the scale, which rounding leaves above 0.
    constant = np.flatnonzero(train.max(axis=0) == train.min(axis=0))
    if len(constant):
        raise InputError(
            f"fit_standardiser: the columns {constant.tolist()} are constant; "
            "drop them."
        )
    exact = train.astype(np.float64)
    return Standardiser(exact.mean(axis=0), exact.std(axis=0))
