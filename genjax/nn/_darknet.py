"""The backbones of the YOLO family."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.nn._convolution import max_pool
from genjax.nn._normalization import GroupNorm
from genjax.nn._pyramid import Levels, check_divisible, last_levels
from genjax.typing import Array

PLAIN = (1, 1, 3, 3, 5, 5)
"""Convolutions of the stages of Darknet-19."""


class Darknet19(nn.Module):
    """Stages of convolutions, 3 x 3 and 1 x 1 in turn, with maxima between them.

    Attributes:
        width: channels of the first stage; each stage has twice as many.
        levels: how many of the last stages to return, the finest first.
        dtype: of the computation.

    Source: Redmon and Farhadi, 2017, arXiv:1612.08242.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import Darknet19
    >>> module, x = Darknet19(width=4, levels=2), jnp.ones((1, 64, 64, 3))
    >>> [f.shape for f in module.apply(module.init(jax.random.key(0), x), x)]
    [(1, 4, 4, 64), (1, 2, 2, 128)]
    """

    width: int = 32
    levels: int = 2
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Levels:
        """Maps images `[b, h, w, c]` to features of the strides ... 16, 32.

        Raises:
            InputError: the sides of the image are no multiples of 32, or there are not
                so many levels.
        """
        check_divisible("Darknet19", x, 2 ** (len(PLAIN) - 1))
        layer = partial(_Layer, dtype=self.dtype)
        features = []
        for stage, count in enumerate(PLAIN):
            width = self.width * 2**stage
            x = max_pool(x, (2, 2)) if stage else x
            for place in range(count):
                x = layer(width // 2, 1)(x) if place % 2 else layer(width, 3)(x)
            features.append(x)
        return last_levels("Darknet19", features, self.levels)


class Darknet53(nn.Module):
    """Stages of residual blocks, 1 x 1 and 3 x 3, each after a halving convolution.

    Attributes:
        width: channels before the first stage; each stage has twice as many.
        blocks: of each stage.
        levels: how many of the last stages to return, the finest first.
        cross_stage: whether the blocks of a stage see half of its channels, and the
            other half passes by: CSPDarknet.
        dtype: of the computation.

    Source: Redmon and Farhadi, 2018, arXiv:1804.02767; Wang et al., 2020,
    arXiv:1911.11929.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import Darknet53
    >>> module, x = Darknet53(width=4, blocks=(1, 1), levels=2), jnp.ones((1, 8, 8, 3))
    >>> [f.shape for f in module.apply(module.init(jax.random.key(0), x), x)]
    [(1, 4, 4, 8), (1, 2, 2, 16)]
    """

    width: int = 32
    blocks: Sequence[int] = (1, 2, 8, 8, 4)
    levels: int = 3
    cross_stage: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Levels:
        """Maps images `[b, h, w, c]` to features; stage i has the stride `2^(i + 1)`.

        Raises:
            InputError: the image cannot be halved once a stage, or there are not so
                many levels.
        """
        check_divisible("Darknet53", x, 2 ** len(self.blocks))
        layer = partial(_Layer, dtype=self.dtype)
        x = layer(self.width, 3)(x)
        features = []
        for stage, count in enumerate(self.blocks, start=1):
            width = self.width * 2**stage
            x = layer(width, 3, stride=2)(x)
            inside = width // 2 if self.cross_stage else width
            own = layer(inside, 1)(x) if self.cross_stage else x
            for _ in range(count):
                own = own + layer(inside, 3)(layer(width // 2, 1)(own))
            if self.cross_stage:
                own = jnp.concatenate([own, layer(inside, 1)(x)], axis=-1)
                own = layer(width, 1)(own)
            x = own
            features.append(x)
        return last_levels("Darknet53", features, self.levels)


class _Layer(nn.Module):
    """A convolution, its norm, and a leaky ReLU."""

    width: int
    size: int
    stride: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        size, strides = (self.size, self.size), (self.stride, self.stride)
        x = nn.Conv(self.width, size, strides, use_bias=False, dtype=self.dtype)(x)
        return jax.nn.leaky_relu(GroupNorm(dtype=self.dtype)(x), 0.1)
