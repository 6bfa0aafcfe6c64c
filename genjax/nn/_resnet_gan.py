"""Residual pairs of generator and discriminator."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.nn._dcgan import halvings, leaky_relu
from genjax.nn._normalization import BatchNorm, minibatch_deviation
from genjax.typing import Array, Float

Images = Float[Array, "b h w c"]


class _Block(nn.Module):
    """`skip(x) + conv(act(conv(act(x))))`, between images of other sizes or not.

    With `zero_init` the last convolution starts at zero, and the first one is scaled
    down by the root of the depth, as Fixup does, so that the sum does not grow.
    """

    width: int
    resize: Callable[[Array], Array]
    norm: bool
    zero_init: bool
    activation: Callable[[Array], Array]
    depth: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        gain = nn.initializers.variance_scaling(
            2.0 / max(self.depth, 1) if self.zero_init else 2.0, "fan_in", "normal"
        )
        last = nn.initializers.zeros if self.zero_init else gain
        h = x
        for place, init in enumerate((gain, last)):
            if self.norm:
                h = BatchNorm(dtype=self.dtype)(h, train=train)
            h = self.activation(h)
            h = h if place else self.resize(h)
            h = nn.Conv(self.width, (3, 3), kernel_init=init, dtype=self.dtype)(h)
        x = self.resize(x)
        if x.shape[3] != self.width:
            x = nn.Conv(self.width, (1, 1), use_bias=False, dtype=self.dtype)(x)
        return x + h


class ResNetGenerator(nn.Module):
    """From noise to images in [-1, 1], by up-sampling residual blocks.

    With `norm` and ReLU it is the SNGAN's; without, and with leaky ReLU, that of the
    R3GAN's kind.

    Attributes:
        side: of the images, 4 to 7 times a power of 2.
        channels: of the images.
        width: channels of every block.
        norm: whether blocks are batch-normalised.
        activation: in the blocks.
        dtype: of the computation.

    Source: Miyato et al., 2018, arXiv:1802.05957; Huang et al., 2025, arXiv:2501.05441.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import ResNetGenerator
    >>> import jax
    >>> module = ResNetGenerator(side=8, channels=1, width=8)
    >>> z = jnp.ones((2, 16))
    >>> module.apply(module.init(jax.random.key(0), z), z).shape
    (2, 8, 8, 1)
    """

    side: int
    channels: int = 3
    width: int = 128
    norm: bool = False
    activation: Callable[[Array], Array] = leaky_relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: Float[Array, "b d"], *, train: bool = False) -> Images:
        """Maps noise `[b, d]` to images `[b, side, side, channels]`."""
        stages = halvings(self.side, user="ResNetGenerator")
        small = self.side >> stages
        x = nn.Dense(small * small * self.width, dtype=self.dtype)(z)
        x = x.reshape(len(z), small, small, self.width)
        for _ in range(stages):
            x = _Block(
                width=self.width,
                resize=_doubled,
                norm=self.norm,
                zero_init=not self.norm,
                activation=self.activation,
                depth=stages,
                dtype=self.dtype,
            )(x, train=train)
        if self.norm:
            x = BatchNorm(dtype=self.dtype)(x, train=train)
        x = nn.Conv(self.channels, (3, 3), dtype=self.dtype)(self.activation(x))
        return jnp.tanh(x.astype(jnp.float32))


class ResNetDiscriminator(nn.Module):
    """From images to logits, by down-sampling residual blocks without normalisation.

    `nn.spectrally_normalized` around it, with `zero_init=False`, makes it the SNGAN's.

    Attributes:
        width: channels of every block.
        features: how many outputs, 1 for a logit.
        group: of the minibatch deviation before the last layer; 1 for none.
        zero_init: whether blocks begin as their shortcuts.
        activation: in the blocks.
        dtype: of the computation.

    Source: Miyato et al., 2018, arXiv:1802.05957; Huang et al., 2025, arXiv:2501.05441.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import ResNetDiscriminator
    >>> import jax
    >>> module = ResNetDiscriminator(width=8)
    >>> x = jnp.ones((2, 8, 8, 1))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (2, 1)
    """

    width: int = 128
    features: int = 1
    group: int = 1
    zero_init: bool = True
    activation: Callable[[Array], Array] = leaky_relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images) -> Array:
        """Maps `[b, h, w, c]` to `[b, features]`."""
        stages = halvings(x.shape[1], user="ResNetDiscriminator")
        x = nn.Conv(self.width, (3, 3), dtype=self.dtype)(x)
        for _ in range(stages):
            x = _Block(
                width=self.width,
                resize=_halved,
                norm=False,
                zero_init=self.zero_init,
                activation=self.activation,
                depth=stages,
                dtype=self.dtype,
            )(x, train=False)
        x = self.activation(x)
        if self.group > 1:
            x = minibatch_deviation(x, group=self.group)
        flat = x.reshape(len(x), -1)
        return nn.Dense(self.features, dtype=self.dtype)(flat).astype(jnp.float32)


def _doubled(x: Array) -> Array:
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _halved(x: Array) -> Array:
    b, h, w, c = x.shape
    return jnp.mean(x.reshape(b, h // 2, 2, w // 2, 2, c), axis=(2, 4))
