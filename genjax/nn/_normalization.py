"""Normalisation layers: statistics in float32 whatever the network computes in."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.typing import Array, Float

EPSILON = 1e-5


class LayerNorm(nn.Module):
    """Normalises the last axis to mean 0 and variance 1, then scales and shifts.

    Attributes:
        dtype: of the output.

    Source: Ba, Kiros and Hinton, 2016, arXiv:1607.06450.
    """

    dtype: DTypeLike = jnp.float32

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

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[..., c]` to `[..., c]`."""
        return _in_float32(nn.RMSNorm(epsilon=EPSILON), x, self.dtype)


class GroupNorm(nn.Module):
    """Normalises groups of channels over each image.

    Attributes:
        groups: the most groups; their number is the largest divisor of the channels
            that is not above it and leaves four channels per group. With one channel a
            group, whatever was added to a channel, a time or a class, would vanish.
        dtype: of the output.

    Source: Wu and He, 2018, arXiv:1803.08494.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import GroupNorm
    >>> module = GroupNorm(groups=4)
    >>> x = jnp.ones((1, 2, 2, 8))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (1, 2, 2, 8)
    """

    groups: int = 32
    dtype: DTypeLike = jnp.float32

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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import BatchNorm
    >>> module = BatchNorm()
    >>> x = jnp.ones((2, 3))
    >>> sorted(module.init(jax.random.key(0), x, train=True))
    ['batch_stats', 'params']
    """

    momentum: float = 0.9
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Maps `[b, ..., c]` to `[b, ..., c]`."""
        norm = nn.BatchNorm(
            use_running_average=not train, momentum=self.momentum, epsilon=EPSILON
        )
        return _in_float32(norm, x, self.dtype)


class FrozenNorm(nn.Module):
    """A batch norm that never learns: moments and affine maps of another training.

        y = scale (x - mean) / sqrt(var + 1e-5) + bias

    All four are in the collection `"batch_stats"`; they begin as the identity.

    Attributes:
        dtype: of the output.

    Source: He, Zhang, Ren and Sun, 2016, arXiv:1512.03385.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import FrozenNorm
    >>> x = jnp.ones((1, 2, 2, 3))
    >>> variables = FrozenNorm().init(jax.random.key(0), x)
    >>> {kind: sorted(own) for kind, own in variables.items()}
    {'batch_stats': ['bias', 'mean', 'scale', 'var']}
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, ..., c]` to `[b, ..., c]`."""
        shape = (1,) * (x.ndim - 1) + (x.shape[-1],)

        def constant(name: str, start: float) -> Array:
            made = self.variable(
                "batch_stats", name, jnp.full, (x.shape[-1],), start, jnp.float32
            )
            return made.value.reshape(shape)

        slope = constant("scale", 1.0) * jax.lax.rsqrt(constant("var", 1.0) + EPSILON)
        shift = constant("bias", 0.0) - constant("mean", 0.0) * slope
        return (x.astype(jnp.float32) * slope + shift).astype(self.dtype)


def _in_float32(norm: nn.Module, x: Array, dtype: DTypeLike) -> Array:
    # Flax multiplies by scales of any dtype, which strict promotion would refuse.
    with jax.numpy_dtype_promotion("standard"):
        return norm(x.astype(jnp.float32)).astype(dtype)


def minibatch_deviation(
    x: Float[Array, "b h w c"], *, group: int = 4
) -> Float[Array, "b h w c1"]:
    """Adds a channel with the deviation inside groups of examples.

        s = mean_{h, w, c} sqrt(var_group x + 1e-8), the same for the whole group

    Fakes that are all alike have a deviation of their own, which gives them away.

    Args:
        x: features of images.
        group: how many examples; the whole batch where it is smaller.

    Raises:
        InputError: the group does not divide the batch.

    Source: Karras, Aila, Laine and Lehtinen, 2018, arXiv:1710.10196.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import minibatch_deviation
    >>> x = jnp.array([0.0, 2.0]).reshape(2, 1, 1, 1)
    >>> minibatch_deviation(x)[:, 0, 0].tolist()
    [[0.0, 1.0], [2.0, 1.0]]
    """
    b, height, width, _ = x.shape
    group = min(group, b)
    if b % group:
        raise InputError(
            f"minibatch_deviation: group = {group} must divide the batch, got {b} rows."
        )
    groups = x.astype(jnp.float32).reshape(group, b // group, *x.shape[1:])
    deviation = jnp.sqrt(jnp.var(groups, axis=0) + 1e-8)
    of_group = jnp.mean(deviation, axis=(1, 2, 3)).astype(x.dtype)
    channel = jnp.tile(of_group, group)[:, None, None, None]
    return jnp.concatenate(
        [x, jnp.broadcast_to(channel, (b, height, width, 1))], axis=3
    )
