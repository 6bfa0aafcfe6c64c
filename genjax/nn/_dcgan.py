"""The convolutional pair of the DCGAN."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._convolution import Conv, ConvTranspose
from genjax.nn._normalization import BatchNorm
from genjax.typing import Array, Float

NARROW = nn.initializers.normal(0.02)
Images = Float[Array, "b h w c"]


def leaky_relu(x: Array) -> Array:
    """`max(x, .2 x)`, the discriminators' activation."""
    return jax.nn.leaky_relu(x, 0.2)


def halvings(side: int, *, user: str) -> int:
    """How often a side can be halved down to 4 to 7 pixels.

    >>> from genjax.nn._dcgan import halvings
    >>> [halvings(side, user="doctest") for side in (28, 32, 64)]
    [2, 3, 4]
    """
    stages, small = 0, side
    while small > 7 and small % 2 == 0:
        stages, small = stages + 1, small // 2
    if not 4 <= small <= 7:
        raise InputError(
            f"{user}: the side must be 4 to 7 times a power of 2, such as 28, 32 or "
            f"64, got {side}."
        )
    return stages


class DCGANGenerator(nn.Module):
    """From noise to images in [-1, 1]: a dense layer, then transposed convolutions.

    Attributes:
        side: of the images, 8 to 14 times a power of 2.
        channels: of the images.
        width: channels of the largest layer before the image; doubled at each halving.
        output: after the last layer; none for what determines a likelihood.
        dtype: of the computation.

    Source: Radford, Metz and Chintala, 2016, arXiv:1511.06434.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import DCGANGenerator
    >>> module = DCGANGenerator(side=32, width=8)
    >>> z = jnp.ones((2, 16))
    >>> variables = module.init(jax.random.key(0), z)
    >>> module.apply(variables, z).shape, sorted(variables)
    ((2, 32, 32, 3), ['batch_stats', 'params'])
    """

    side: int
    channels: int = 3
    width: int = 64
    output: Callable[[Array], Array] | None = jnp.tanh
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: Float[Array, "b d"], *, train: bool = False) -> Images:
        """Maps noise `[b, d]` to images `[b, side, side, channels]`."""
        stages = halvings(self.side, user="DCGANGenerator")
        if not stages:
            raise InputError(
                f"DCGANGenerator: the side must be at least 8, got {self.side}."
            )
        small, widest = self.side >> stages, self.width << (stages - 1)
        x = nn.Dense(
            small * small * widest,
            use_bias=False,
            kernel_init=NARROW,
            dtype=self.dtype,
        )(z)
        x = x.reshape(len(z), small, small, widest)
        for stage in range(stages):
            x = jax.nn.relu(BatchNorm(dtype=self.dtype)(x, train=train))
            last = stage == stages - 1
            x = ConvTranspose(
                self.channels if last else widest >> (stage + 1),
                (4, 4),
                (2, 2),
                use_bias=last,
                kernel_init=NARROW,
                dtype=self.dtype,
            )(x)
        x = x.astype(jnp.float32)
        return x if self.output is None else self.output(x)


class DCGANDiscriminator(nn.Module):
    """From images to logits: strided convolutions, halving down to 4 to 7 pixels.

    Attributes:
        width: channels of the first layer; doubled at each halving.
        norm: whether layers but the first are batch-normalised.
        features: how many outputs, 1 for a logit.
        activation: after every layer.
        dtype: of the computation.

    Source: Radford, Metz and Chintala, 2016, arXiv:1511.06434.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import DCGANDiscriminator
    >>> module = DCGANDiscriminator(width=8, norm=False)
    >>> x = jnp.ones((2, 28, 28, 1))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (2, 1)
    """

    width: int = 64
    norm: bool = True
    features: int = 1
    activation: Callable[[Array], Array] = leaky_relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images, *, train: bool = False) -> Array:
        """Maps `[b, h, w, c]` to `[b, features]`."""
        for stage in range(halvings(x.shape[1], user="DCGANDiscriminator")):
            normalize = self.norm and stage > 0
            x = Conv(
                self.width << stage,
                (4, 4),
                (2, 2),
                use_bias=not normalize,
                kernel_init=NARROW,
                dtype=self.dtype,
            )(x)
            if normalize:
                x = BatchNorm(dtype=self.dtype)(x, train=train)
            x = self.activation(x)
        flat = x.reshape(len(x), -1)
        head = nn.Dense(self.features, kernel_init=NARROW, dtype=self.dtype)
        return head(flat).astype(jnp.float32)
