"""Features, or images, of twice the size."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._pyramid import Levels
from genjax.nn._resnet import ResidualBlock
from genjax.typing import Array


class SuperResolution(nn.Module):
    """Every level twice as large: enlarged bilinearly, and what a network adds to that.

        y = enlarge(x) + shuffle(conv1x1(blocks(conv3x3(x))))

    `shuffle` lays every four channels out as 2 x 2 places. It begins as `enlarge`, and
    its weights are shared by all levels. A single level may as well be an image.

    Attributes:
        width: channels inside.
        blocks: residual blocks.
        dtype: of the computation.

    Source: Shi et al., 2016, arXiv:1609.05158 (the shuffle); Lim et al., 2017,
    arXiv:1707.02921 (residual blocks); Li et al., 2017, arXiv:1706.05424 (of features).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import SuperResolution
    >>> module, levels = SuperResolution(width=8), (jnp.ones((1, 4, 6, 3)),)
    >>> [y.shape for y in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 12, 3)]
    """

    width: int
    blocks: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps levels `[b, h, w, c]` to levels `[b, 2 h, 2 w, c]`.

        Raises:
            InputError: there is no level, levels differ in their channels, or `width`
                or `blocks` is below 1.
        """
        channels = {x.shape[-1] for x in levels}
        if len(channels) != 1:
            raise InputError(
                "SuperResolution: all levels must have as many channels, got "
                f"{[x.shape for x in levels]}."
            )
        if min(self.width, self.blocks) < 1:
            raise InputError(
                "SuperResolution: width and blocks must be at least 1, got "
                f"{self.width} and {self.blocks}."
            )
        (count,) = channels
        zeros = nn.initializers.zeros
        first = nn.Conv(self.width, (3, 3), dtype=self.dtype)
        block = partial(ResidualBlock, self.width, dtype=self.dtype)
        blocks = [block() for _ in range(self.blocks)]
        last = nn.Conv(4 * count, (1, 1), dtype=self.dtype, kernel_init=zeros)

        def enlarged(x: Array) -> Array:
            x = x.astype(self.dtype)
            h = first(x)
            for block in blocks:
                h = block(h)
            b, height, width, _ = x.shape
            sides = (b, 2 * height, 2 * width, count)
            return jax.image.resize(x, sides, "bilinear") + _shuffled(last(h))

        return tuple(map(enlarged, levels))


def _shuffled(x: Array) -> Array:
    """`[b, h, w, 4 c]` as `[b, 2 h, 2 w, c]`."""
    b, height, width, channels = x.shape
    x = x.reshape(b, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, 2 * height, 2 * width, channels // 4)
