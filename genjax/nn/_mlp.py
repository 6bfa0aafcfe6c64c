"""Multi-layer perceptrons."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.nn._linen import in_mode
from genjax.nn._normalization import LayerNorm
from genjax.typing import Array, Float


class MLP(nn.Module):
    """Dense layers with an activation between them.

    Attributes:
        features: output features.
        hidden: the widths of the hidden layers.
        activation: after each hidden layer.
        output_init: initialiser of the last kernel; with zeros, the output is 0.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import MLP
    >>> module = MLP(features=2, hidden=(8,))
    >>> x = jnp.ones((3, 4))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (3, 2)
    """

    features: int
    hidden: Sequence[int]
    activation: Callable[[Array], Array] = jax.nn.relu
    output_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, ..., d]` to `[b, ..., features]`."""
        for width in self.hidden:
            x = self.activation(nn.Dense(width, dtype=self.dtype)(x))
        head = nn.Dense(self.features, dtype=self.dtype, kernel_init=self.output_init)
        return head(x).astype(jnp.float32)


class ResMLP(nn.Module):
    """Dense residual blocks: `x + dense(activation(dense(activation(norm(x)))))`.

    Attributes:
        features: output features.
        width: of the residual stream.
        blocks: how many blocks.
        activation: inside the blocks.
        output_init: initialiser of the last kernel.
        dtype: of the computation.

    Source: He, Zhang, Ren and Sun, 2016, arXiv:1603.05027.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ResMLP
    >>> module = ResMLP(features=2, width=8, blocks=2)
    >>> x = jnp.ones((3, 4))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (3, 2)
    """

    features: int
    width: int
    blocks: int
    activation: Callable[[Array], Array] = jax.nn.relu
    output_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, ..., d]` to `[b, ..., features]`."""
        x = nn.Dense(self.width, dtype=self.dtype)(x)
        for _ in range(self.blocks):
            h = self.activation(LayerNorm(dtype=self.dtype)(x))
            h = self.activation(nn.Dense(self.width, dtype=self.dtype)(h))
            zeros = nn.initializers.zeros
            x = x + nn.Dense(self.width, dtype=self.dtype, kernel_init=zeros)(h)
        head = nn.Dense(self.features, dtype=self.dtype, kernel_init=self.output_init)
        return head(self.activation(x)).astype(jnp.float32)


class TimeMLP(nn.Module):
    """An MLP of a point and a time: the velocity field of a small continuous flow.

    The time enters beside the features, with its sine and cosine.

    Attributes:
        features: output features.
        hidden: the widths of the hidden layers.
        activation: after each hidden layer.
        output_init: initialiser of the last kernel.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import TimeMLP
    >>> module = TimeMLP(features=2, hidden=(8,))
    >>> x, t = jnp.ones((3, 2)), jnp.zeros(3)
    >>> module.apply(module.init(jax.random.key(0), x, t), x, t).shape
    (3, 2)
    """

    features: int
    hidden: Sequence[int]
    activation: Callable[[Array], Array] = jax.nn.silu
    output_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Array, t: Float[Array, " b"], condition: Array | None = None
    ) -> Array:
        """Maps `[b, d]`, times `[b]` and a condition `[b, k]` to `[b, features]`."""
        angle = jnp.pi * t[:, None]
        inputs = [x, t[:, None], jnp.sin(angle), jnp.cos(angle)]
        if condition is not None:
            inputs.append(condition)
        network = MLP(
            self.features, self.hidden, self.activation, self.output_init, self.dtype
        )
        return network(jnp.concatenate(inputs, axis=1))


class ImageMLP(nn.Module):
    """An MLP from vectors to images in [-1, 1]: the plainest generator.

    Attributes:
        network: from `[b, d]` to `[b, h * w * c]`.
        shape: of an image, `(h, w, c)`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ImageMLP, MLP
    >>> module = ImageMLP(MLP(features=64, hidden=(8,)), shape=(8, 8, 1))
    >>> z = jnp.ones((3, 4))
    >>> module.apply(module.init(jax.random.key(0), z), z).shape
    (3, 8, 8, 1)
    """

    network: nn.Module
    shape: tuple[int, int, int]

    @nn.compact
    def __call__(
        self, z: Float[Array, "b d"], *, train: bool = False
    ) -> Float[Array, "b h w c"]:
        """Maps `[b, d]` to `[b, h, w, c]`."""
        images = self.network(z, **in_mode(self.network, train=train))
        return jnp.tanh(images).reshape(len(z), *self.shape)
