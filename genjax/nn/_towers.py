"""What detection heads compute at every place, from features of several levels."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._normalization import GroupNorm
from genjax.nn._pyramid import Levels
from genjax.typing import Array


def prior_bias(prior: float) -> Initializer:
    """The start of biases with which logits say a probability.

    Source: Lin et al., 2017, arXiv:1708.02002.
    """
    return nn.initializers.constant(math.log(prior / (1 - prior)))


class DenseTower(nn.Module):
    """What a dense detector computes at every place, with weights shared by all levels.

    Two towers of convolutions, one for the classes, one for the geometry.

    Attributes:
        outputs: name -> channels; the first is computed from the class tower, the
            others from the geometry tower.
        width: channels of the towers.
        depth: convolutions of each tower.
        prior: the probability that the class logits start from.
        dtype: of the computation.
        backgrounds: how many scores of the background there are. On the finest level,
            most of whose many places are background, the largest of them is subtracted
            from the class logits; on the others the first.

    Source: Lin et al., 2017, arXiv:1708.02002; Tian et al., 2019, arXiv:1904.01355; for
    `backgrounds`, Zhang et al., 2017, arXiv:1708.05237.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import DenseTower
    >>> module = DenseTower(outputs=(("logits", 3), ("distance", 4)), width=8)
    >>> levels = (jnp.ones((1, 4, 4, 8)),)
    >>> raw = module.apply(module.init(jax.random.key(0), levels), levels)
    >>> raw["distance"][0].shape
    (1, 4, 4, 4)
    """

    outputs: tuple[tuple[str, int], ...]
    width: int
    depth: int = 2
    prior: float = 0.01
    dtype: DTypeLike = jnp.float32
    backgrounds: int = 0

    @nn.compact
    def __call__(self, levels: Levels) -> dict[str, Levels]:
        """Maps levels `[b, h, w, c]` to `{name: levels [b, h, w, channels]}`.

        Raises:
            InputError: `backgrounds` is negative.
        """
        classes, *geometry = self.outputs
        on_classes = self._tower(levels, "classes")
        on_geometry = self._tower(levels, "geometry")
        if self.backgrounds < 0:
            raise InputError(
                f"DenseTower: backgrounds must not be negative, got {self.backgrounds}."
            )
        logits = self._head(on_classes, *classes, bias=prior_bias(self.prior))
        if self.backgrounds:
            ways = self._head(on_classes, "background", self.backgrounds)
            finest, *others = zip(logits, ways, strict=True)
            logits = (
                finest[0] - jnp.max(finest[1], axis=-1, keepdims=True),
                *(own - way[..., :1] for own, way in others),
            )
        return {
            classes[0]: logits,
            **{name: self._head(on_geometry, name, n) for name, n in geometry},
        }

    def _tower(self, levels: Levels, name: str) -> Levels:
        for index in range(self.depth):
            conv = nn.Conv(self.width, (3, 3), dtype=self.dtype, name=f"{name}_{index}")
            norm = GroupNorm(dtype=self.dtype, name=f"{name}_norm_{index}")
            levels = tuple(jax.nn.relu(norm(conv(x))) for x in levels)
        return levels

    def _head(
        self,
        levels: Levels,
        name: str,
        channels: int,
        bias: Initializer = nn.initializers.zeros,
    ) -> Levels:
        conv = nn.Conv(
            channels,
            (3, 3),
            dtype=self.dtype,
            name=name,
            kernel_init=nn.initializers.normal(0.01),
            bias_init=bias,
        )
        return tuple(conv(x).astype(jnp.float32) for x in levels)


class LevelTowers(nn.Module):
    """A 3 x 3 and a 1 x 1 convolution for every level, of its own weights.

    Attributes:
        channels: of the outputs, level by level, the finest first.
        width: between the two convolutions.
        dtype: of the computation.

    Source: Redmon and Farhadi, 2018, arXiv:1804.02767.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import LevelTowers
    >>> module = LevelTowers(channels=(6, 9), width=4)
    >>> levels = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))
    >>> [y.shape for y in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 6), (1, 4, 4, 9)]
    """

    channels: Sequence[int]
    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features to as many outputs.

        Raises:
            InputError: there is another number of levels.
        """
        if len(levels) != len(self.channels):
            raise InputError(
                f"LevelTowers: {len(self.channels)} levels were expected, got "
                f"{len(levels)}."
            )
        outputs = []
        for level, channels in zip(levels, self.channels, strict=True):
            x = nn.Conv(self.width, (3, 3), dtype=self.dtype)(level)
            x = nn.leaky_relu(GroupNorm(dtype=self.dtype)(x), 0.1)
            x = nn.Conv(channels, (1, 1), dtype=self.dtype)(x)
            outputs.append(x.astype(jnp.float32))
        return tuple(outputs)


class GridRegressor(nn.Module):
    """Two dense layers from the whole of the coarsest level to a grid of cells.

    Attributes:
        grid: rows and columns.
        channels: of a cell.
        hidden: width of the first layer.
        dropout: rate between the layers.
        dtype: of the computation.

    Source: Redmon, Divvala, Girshick and Farhadi, 2016, arXiv:1506.02640.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import GridRegressor
    >>> module = GridRegressor(grid=(7, 7), channels=30, hidden=8)
    >>> levels = (jnp.ones((1, 4, 4, 4)),)
    >>> [y.shape for y in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 7, 7, 30)]
    """

    grid: tuple[int, int]
    channels: int
    hidden: int
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels, *, train: bool = False) -> Levels:
        """Maps features to one level `[b, rows, columns, channels]`."""
        x = levels[-1].reshape(len(levels[-1]), -1)
        x = nn.leaky_relu(nn.Dense(self.hidden, dtype=self.dtype)(x), 0.1)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        outputs = math.prod(self.grid) * self.channels
        x = nn.Dense(outputs, dtype=self.dtype)(x)
        x = x.astype(jnp.float32)
        return (x.reshape(len(x), *self.grid, self.channels),)


class CornerTower(nn.Module):
    """What CornerNet computes at every place of its finest level, for both corners.

    Corner pooling lets a corner see along its two edges: running maxima of features
    from the right and from below for the upper left one, from the left and from above
    for the lower right one.

    Attributes:
        classes: how many there are.
        width: channels.
        prior: the probability that the class logits start from.
        dtype: of the computation.

    Source: Law and Deng, 2018, arXiv:1808.01244.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import CornerTower
    >>> module = CornerTower(classes=3, width=4)
    >>> levels = (jnp.ones((1, 4, 4, 8)),)
    >>> raw = module.apply(module.init(jax.random.key(0), levels), levels)
    >>> [x.shape for x in raw["embedding"]]
    [(1, 4, 4, 1), (1, 4, 4, 1)]
    """

    classes: int
    width: int
    prior: float = 0.1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> dict[str, Levels]:
        """Maps the finest level to a pair of maps for every output."""
        bias = prior_bias(self.prior)
        corners = [self._pooled(levels[0], is_first=first) for first in (True, False)]
        outputs = {}
        for name, channels in (
            ("heat", self.classes),
            ("embedding", 1),
            ("offset", 2),
        ):
            start = bias if name == "heat" else nn.initializers.zeros
            outputs[name] = tuple(
                nn.Conv(channels, (1, 1), bias_init=start, dtype=self.dtype)(x).astype(
                    jnp.float32
                )
                for x in corners
            )
        return outputs

    def _pooled(self, x: Array, *, is_first: bool) -> Array:
        seen = [
            jax.lax.cummax(self._layer(x), axis=axis, reverse=is_first)
            for axis in (1, 2)
        ]
        joined = nn.Conv(self.width, (3, 3), dtype=self.dtype)(seen[0] + seen[1])
        direct = nn.Conv(self.width, (1, 1), dtype=self.dtype)(x)
        return self._layer(nn.relu(GroupNorm(dtype=self.dtype)(joined) + direct))

    def _layer(self, x: Array) -> Array:
        x = nn.Conv(self.width, (3, 3), dtype=self.dtype)(x)
        return nn.relu(GroupNorm(dtype=self.dtype)(x))
