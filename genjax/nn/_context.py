"""What surrounds an object, beside what it shows itself."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._normalization import GroupNorm
from genjax.nn._pyramid import Levels
from genjax.typing import Array


class ContextModule(nn.Module):
    """Features of every level that see 3, 5 and 7 places across, side by side.

    Half of them come from one 3 x 3 convolution, a quarter each from a chain of two and
    of three, whose first is shared. The weights are shared by all levels.

    Attributes:
        features: channels of every level, a multiple of 4.
        dtype: of the computation.

    Source: Najibi, Samangouei, Chellappa and Davis, 2017, arXiv:1708.03979.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ContextModule
    >>> module = ContextModule(features=8)
    >>> levels = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 8), (1, 4, 4, 8)]
    """

    features: int
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Makes the layers, which all levels share."""
        if self.features < 4 or self.features % 4:
            raise InputError(
                f"ContextModule: features must be a multiple of 4, got {self.features}."
            )
        half, quarter = self.features // 2, self.features // 4
        self.own = nn.Conv(half, (3, 3), dtype=self.dtype)
        self.first = nn.Conv(quarter, (3, 3), dtype=self.dtype)
        self.near = nn.Conv(quarter, (3, 3), dtype=self.dtype)
        self.far = nn.Conv(quarter, (3, 3), dtype=self.dtype)
        self.farthest = nn.Conv(quarter, (3, 3), dtype=self.dtype)
        self.norm = GroupNorm(dtype=self.dtype)

    def __call__(self, levels: Levels) -> Levels:
        """Maps features `[b, h, w, c]` to as many of `features` channels.

        Raises:
            InputError: `features` is no multiple of 4.
        """
        return tuple(self._of_level(x) for x in levels)

    def _of_level(self, x: Array) -> Array:
        shared = jax.nn.relu(self.first(x))
        far = self.farthest(jax.nn.relu(self.far(shared)))
        joined = jnp.concatenate([self.own(x), self.near(shared), far], axis=-1)
        return jax.nn.relu(self.norm(joined))


class RingContext(nn.Module):
    """Features of every place, and the mean of those of a ring about it.

        y = relu(norm(conv1x1([x, mean over the outer window but the inner of x])))

    At the edges the mean is over those places that there are. The weights are shared by
    all levels.

    Attributes:
        features: channels of every level.
        inner: the side of the window that is left out, in places, odd.
        outer: the side of the window, in places, odd.
        dtype: of the computation.

    Source: Gidaris and Komodakis, 2015, arXiv:1505.01749 (contextual regions).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import RingContext
    >>> module, levels = RingContext(features=4), (jnp.ones((1, 8, 8, 3)),)
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 4)]
    """

    features: int
    inner: int = 3
    outer: int = 7
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features `[b, h, w, c]` to as many of `features` channels.

        Raises:
            InputError: the windows are even, or the inner is not the smaller one.
        """
        sides = self.inner, self.outer
        if not 0 < self.inner < self.outer or any(side % 2 == 0 for side in sides):
            raise InputError(
                "RingContext: inner and outer must be odd and ascending, got "
                f"{self.inner} and {self.outer}."
            )
        mix = nn.Conv(self.features, (1, 1), dtype=self.dtype)
        norm = GroupNorm(dtype=self.dtype)

        def of_level(x: Array) -> Array:
            joined = jnp.concatenate([x, self._ring(x)], axis=-1)
            return jax.nn.relu(norm(mix(joined)))

        return tuple(map(of_level, levels))

    def _ring(self, x: Array) -> Array:
        values = x.astype(jnp.float32)
        there = jnp.ones_like(values[:1, :, :, :1])
        total, count = (
            _window_sum(own, self.outer) - _window_sum(own, self.inner)
            for own in (values, there)
        )
        return (total / jnp.maximum(count, 1.0)).astype(x.dtype)


def _window_sum(x: Array, side: int) -> Array:
    """The sum over a window about every place, of what there is."""
    return nn.pooling.pool(x, 0.0, jax.lax.add, (side, side), (1, 1), "SAME")
