"""The U-Net of flow matching and diffusion."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._convolution import ConvTranspose
from genjax.nn._embedding import ClassEmbedding, TimeEmbedding
from genjax.nn._normalization import GroupNorm
from genjax.nn._resnet import ResidualBlock
from genjax.typing import Array, Float, Int


class UNet(nn.Module):
    """Down and up again, with a shortcut at every resolution, given a time and a class.

    Attributes:
        features: output channels.
        widths: the channels at each resolution; each next one is half as large.
        blocks: residual blocks a resolution.
        classes: how many classes there are; 0 for none.
        dtype: of the computation.

    Source: Ronneberger, Fischer and Brox, 2015, arXiv:1505.04597.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import UNet
    >>> module = UNet(features=1, widths=(8, 16), classes=10)
    >>> x, t, label = jnp.ones((2, 8, 8, 1)), jnp.zeros(2), jnp.zeros(2, int)
    >>> init = jax.jit(module.init_with_output)
    >>> init(jax.random.key(0), x, t, label)[0].shape
    (2, 8, 8, 1)
    """

    features: int
    widths: Sequence[int]
    blocks: int = 1
    classes: int = 0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b h w c"],
        t: Float[Array, " b"],
        label: Int[Array, " b"] | None = None,
    ) -> Float[Array, "b h w features"]:
        """Maps images and times, and labels where there are classes, to images.

        Raises:
            InputError: the image cannot be halved often enough, or a label is given
                where there are no classes.
        """
        factor = 2 ** (len(self.widths) - 1)
        if x.shape[1] % factor or x.shape[2] % factor:
            raise InputError(
                f"UNet: {len(self.widths)} resolutions need images whose sides are "
                f"multiples of {factor}, got {x.shape[1]} x {x.shape[2]}."
            )
        if (label is None) != (self.classes == 0):
            raise InputError(
                "UNet: give labels exactly where there are classes, "
                f"classes = {self.classes}."
            )
        width = 4 * self.widths[0]
        shift = TimeEmbedding(width, dtype=self.dtype)(t)
        if label is not None:
            shift = shift + ClassEmbedding(self.classes, width, self.dtype)(label)
        shift = jax.nn.silu(shift)
        x = nn.Conv(self.widths[0], (3, 3), dtype=self.dtype)(x)
        shortcuts = []
        for level, channels in enumerate(self.widths):
            if level:
                x = nn.Conv(channels, (3, 3), (2, 2), dtype=self.dtype)(x)
            for _ in range(self.blocks):
                x = self._block(channels, x, shift)
            shortcuts.append(x)
        for level, channels in reversed(list(enumerate(self.widths))):
            if level < len(self.widths) - 1:
                x = ConvTranspose(channels, (4, 4), (2, 2), dtype=self.dtype)(x)
                x = jnp.concatenate([x, shortcuts[level]], axis=-1)
            for _ in range(self.blocks):
                x = self._block(channels, x, shift)
        x = jax.nn.silu(GroupNorm(dtype=self.dtype)(x))
        zeros = nn.initializers.zeros
        head = nn.Conv(self.features, (3, 3), dtype=self.dtype, kernel_init=zeros)
        return head(x).astype(jnp.float32)

    def _block(self, channels: int, x: Array, shift: Array) -> Array:
        block = ResidualBlock(channels, activation=jax.nn.silu, dtype=self.dtype)
        return block(x, shift)
