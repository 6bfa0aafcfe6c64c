"""Deep residual networks of bottlenecks, as trained weights of detectors have them."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._convolution import max_pool
from genjax.nn._normalization import GroupNorm
from genjax.nn._pyramid import Levels, check_divisible, last_levels
from genjax.typing import Array


class BottleneckBackbone(nn.Module):
    """Stages of bottlenecks; with 3, 4, 6 and 3 of them, ResNet-50.

    A block is 1 x 1, 3 x 3 and 1 x 1 convolutions, each with a norm, the last of four
    times the width; the stride is that of the 3 x 3. Edges are padded evenly, as
    trained weights of PyTorch expect it.

    Attributes:
        blocks: of each stage.
        width: of the first stage; each has twice as many channels.
        levels: how many of the last stages to return, the finest first.
        norm: makes a norm from `dtype` that has one pass: `GroupNorm`, or `FrozenNorm`
            for the moments of a trained network.
        dtype: of the computation.

    Source: He, Zhang, Ren and Sun, 2016, arXiv:1512.03385.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import BottleneckBackbone
    >>> module = BottleneckBackbone(blocks=(1, 1), width=4, levels=2)
    >>> x = jnp.ones((1, 16, 16, 3))
    >>> [f.shape for f in module.apply(module.init(jax.random.key(0), x), x)]
    [(1, 4, 4, 16), (1, 2, 2, 32)]
    """

    blocks: Sequence[int] = (3, 4, 6, 3)
    width: int = 64
    levels: int = 3
    norm: Callable[..., nn.Module] = GroupNorm
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Levels:
        """Maps images `[b, h, w, c]` to features; stage i has the stride `2^(i + 2)`.

        Raises:
            InputError: the image cannot be halved often enough, a stage has no block,
                or there are not so many levels.
        """
        if min(self.blocks, default=0) < 1:
            raise InputError(
                f"BottleneckBackbone: every stage needs a block, got {self.blocks}."
            )
        check_divisible("BottleneckBackbone", x, 2 ** (len(self.blocks) + 1))
        x = self._layer(x, self.width, 7, stride=2)
        # Zeros at the edges are below no value after the ReLU.
        x = jnp.pad(jax.nn.relu(x), [(0, 0), (1, 1), (1, 1), (0, 0)])
        x = max_pool(x, (3, 3), strides=(2, 2))
        features = []
        for stage, count in enumerate(self.blocks):
            width = self.width * 2**stage
            for block in range(count):
                stride = 2 if stage and not block else 1
                h = jax.nn.relu(self._layer(x, width, 1))
                h = jax.nn.relu(self._layer(h, width, 3, stride=stride))
                h = self._layer(h, 4 * width, 1)
                if not block:
                    x = self._layer(x, 4 * width, 1, stride=stride)
                x = jax.nn.relu(x + h)
            features.append(x)
        return last_levels("BottleneckBackbone", features, self.levels)

    def _layer(self, x: Array, width: int, size: int, *, stride: int = 1) -> Array:
        strides = (stride, stride)
        x = nn.Conv(
            width,
            (size, size),
            strides,
            padding=size // 2,
            use_bias=False,
            dtype=self.dtype,
        )(x)
        return self.norm(dtype=self.dtype)(x)
