"""Residual convolutional networks."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.nn._normalization import GroupNorm
from genjax.typing import Array


class ResidualBlock(nn.Module):
    """A pre-activation block: norm, activation, convolution, twice, and the shortcut.

    Attributes:
        width: output channels.
        stride: of the first convolution.
        activation: inside.
        dtype: of the computation.
        dilation: of both 3 x 3 convolutions.

    Source: He, Zhang, Ren and Sun, 2016, arXiv:1603.05027.
    """

    width: int
    stride: int = 1
    activation: Callable[[Array], Array] = jax.nn.relu
    dtype: DTypeLike = jnp.float32
    dilation: int = 1

    @nn.compact
    def __call__(self, x: Array, shift: Array | None = None) -> Array:
        """Maps `[b, h, w, c]` to `[b, h / stride, w / stride, width]`.

        `shift` `[b, d]`, where given, is projected and added between the convolutions.
        """
        strides = (self.stride, self.stride)
        how = {"kernel_dilation": (self.dilation, self.dilation), "dtype": self.dtype}
        h = self.activation(GroupNorm(dtype=self.dtype)(x))
        h = nn.Conv(self.width, (3, 3), strides, **how)(h)
        if shift is not None:
            h = h + nn.Dense(self.width, dtype=self.dtype)(shift)[:, None, None]
        h = self.activation(GroupNorm(dtype=self.dtype)(h))
        zeros = nn.initializers.zeros
        h = nn.Conv(self.width, (3, 3), kernel_init=zeros, **how)(h)
        if x.shape != h.shape:
            x = nn.Conv(self.width, (1, 1), strides, dtype=self.dtype)(x)
        return x.astype(self.dtype) + h


class ResNet(nn.Module):
    """Stages of residual blocks; every stage but the first halves the image.

    Attributes:
        features: output features.
        widths: the channels of the stages.
        blocks: blocks a stage.
        activation: inside the blocks.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ResNet
    >>> module = ResNet(features=10, widths=(8, 16), blocks=1)
    >>> x = jnp.ones((2, 8, 8, 1))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (2, 10)
    """

    features: int
    widths: Sequence[int]
    blocks: int
    activation: Callable[[Array], Array] = jax.nn.relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, h, w, c]` to `[b, features]`."""
        x = nn.Conv(self.widths[0], (3, 3), dtype=self.dtype)(x)
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride = 2 if stage and not block else 1
                x = ResidualBlock(width, stride, self.activation, self.dtype)(x)
        x = self.activation(GroupNorm(dtype=self.dtype)(x))
        pooled = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
        return nn.Dense(self.features, dtype=self.dtype)(pooled).astype(jnp.float32)
