"""Normalisation layers: statistics in float32 whatever the network computes in."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from genjax.typing import Array

EPSILON = 1e-5


class LayerNorm(nn.Module):
    """Normalises the last axis to mean 0 and variance 1, then scales and shifts.

    Attributes:
        dtype: of the output.

    Source: Ba, Kiros and Hinton, 2016, arXiv:1607.06450.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[..., c]` to `[..., c]`."""
        return _in_float32(nn.LayerNorm(epsilon=EPSILON), x, self.dtype)


class RMSNorm(nn.Module):
    """Divides by the root of the mean square of the last axis, then scales.

    Attributes:
        dtype: of the output.

    Source: Zhang and Sennrich, 2019, arXiv:1910.07467.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[..., c]` to `[..., c]`."""
        return _in_float32(nn.RMSNorm(epsilon=EPSILON), x, self.dtype)


class GroupNorm(nn.Module):
    """Normalises groups of channels over each image.

    Attributes:
        groups: the most groups; their number is the largest divisor of the channels
            that is not above it and leaves four channels a group. With one channel a
            group, whatever was added to a channel, a time or a class, would vanish.
        dtype: of the output.

    Source: Wu and He, 2018, arXiv:1803.08494.

    >>> module = GroupNorm(groups=4)
    >>> x = jnp.ones((1, 2, 2, 8))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (1, 2, 2, 8)
    """

    groups: int = 32
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, h, w, c]` to `[b, h, w, c]`."""
        channels = x.shape[-1]
        most = max(1, min(self.groups, channels // 4))
        groups = max(g for g in range(1, most + 1) if channels % g == 0)
        return _in_float32(nn.GroupNorm(groups, epsilon=EPSILON), x, self.dtype)


class BatchNorm(nn.Module):
    """Normalises each channel over the batch; moments in one pass.

    In training the moments are the global batch's, and the running ones in the
    collection `"batch_stats"` move; otherwise the running ones are used.

    Attributes:
        momentum: of the running moments.
        dtype: of the output.

    Source: Ioffe and Szegedy, 2015, arXiv:1502.03167.

    >>> module = BatchNorm()
    >>> x = jnp.ones((2, 3))
    >>> sorted(module.init(jax.random.key(0), x, train=True))
    ['batch_stats', 'params']
    """

    momentum: float = 0.9
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Maps `[b, ..., c]` to `[b, ..., c]`."""
        norm = nn.BatchNorm(
            use_running_average=not train, momentum=self.momentum, epsilon=EPSILON
        )
        return _in_float32(norm, x, self.dtype)


def _in_float32(norm: nn.Module, x: Array, dtype: Any) -> Array:
    # Flax multiplies by scales of any dtype, which strict promotion would refuse.
    with jax.numpy_dtype_promotion("standard"):
        return norm(x.astype(jnp.float32)).astype(dtype)
