"""A plain convolutional network."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.nn._convolution import max_pool
from genjax.typing import Array


class ConvNet(nn.Module):
    """Convolutions and 2 x 2 max-pooling, then a mean over space and a dense layer.

    Attributes:
        features: output features.
        widths: the channels of the stages; every stage but the last halves the image.
        activation: after each convolution.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ConvNet
    >>> module = ConvNet(features=10, widths=(8, 16))
    >>> x = jnp.ones((2, 8, 8, 1))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (2, 10)
    """

    features: int
    widths: Sequence[int]
    activation: Callable[[Array], Array] = jax.nn.relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, h, w, c]` to `[b, features]`."""
        for stage, width in enumerate(self.widths):
            if stage:
                x = max_pool(x, (2, 2))
            x = self.activation(nn.Conv(width, (3, 3), dtype=self.dtype)(x))
        pooled = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
        return nn.Dense(self.features, dtype=self.dtype)(pooled).astype(jnp.float32)


class ConvStack(nn.Module):
    """Convolutions that keep the image's size: the conditioner of image flows.

    Attributes:
        features: output channels.
        widths: the channels of the hidden layers, the first of which is 3 x 3.
        inner: the side of the kernels of the others; 1 as in Glow.
        activation: after each hidden layer.
        output_init: initialiser of the last kernel, 3 x 3.
        dtype: of the computation.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ConvStack
    >>> module = ConvStack(features=4, widths=(8, 8))
    >>> x = jnp.ones((2, 6, 6, 1))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (2, 6, 6, 4)
    """

    features: int
    widths: Sequence[int]
    inner: int = 1
    activation: Callable[[Array], Array] = jax.nn.relu
    output_init: Callable[..., Any] = nn.initializers.constant(0.0)
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, h, w, c]` to `[b, h, w, features]`."""
        for layer, width in enumerate(self.widths):
            side = self.inner if layer else 3
            x = self.activation(nn.Conv(width, (side, side), dtype=self.dtype)(x))
        head = nn.Conv(
            self.features, (3, 3), dtype=self.dtype, kernel_init=self.output_init
        )
        return head(x).astype(jnp.float32)


class LocalGlobalNet(nn.Module):
    """A convolutional encoder that returns its feature map beside its vector.

    Attributes:
        features: of the vector.
        widths: the channels of the stages; every stage but the first halves the image.
        hidden: the width of the dense layer before the vector.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import LocalGlobalNet
    >>> module = LocalGlobalNet(features=16, widths=(8, 16), hidden=32)
    >>> x = jnp.ones((2, 8, 8, 1))
    >>> local, vector = module.apply(module.init(jax.random.key(0), x), x)
    >>> local.shape, vector.shape
    ((2, 4, 4, 16), (2, 16))
    """

    features: int
    widths: Sequence[int]
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Maps `[b, h, w, c]` to `[b, h', w', widths[-1]]` and `[b, features]`."""
        for stage, width in enumerate(self.widths):
            strides = (2, 2) if stage else (1, 1)
            x = jax.nn.relu(nn.Conv(width, (3, 3), strides, dtype=self.dtype)(x))
        flat = x.reshape(len(x), -1)
        hidden = jax.nn.relu(nn.Dense(self.hidden, dtype=self.dtype)(flat))
        vector = nn.Dense(self.features, dtype=self.dtype)(hidden)
        return x.astype(jnp.float32), vector.astype(jnp.float32)
