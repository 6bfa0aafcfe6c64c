"""Necks that join levels again and again, or all at once."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._convolution import max_pool
from genjax.nn._normalization import GroupNorm
from genjax.nn._pyramid import FPN, Levels, check_halves, doubled
from genjax.typing import Array


class RecursiveFPN(nn.Module):
    """A feature pyramid whose levels are joined once more with what it has made.

        P_0 = FPN(C),   P_(t+1) = g F + (1 - g) P_t,   F = FPN(C + conv1x1(P_t)),

    gates `g = sigmoid(conv1x1(F))` at every place. The weights of all rounds are
    shared. Unlike the original, the features C of the backbone are not computed anew.

    Attributes:
        features: channels of every level.
        repeats: rounds, of which one more is a plain feature pyramid.
        dtype: of the computation.

    Source: Qiao, Chen and Yuille, 2021, arXiv:2006.02334.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import RecursiveFPN
    >>> module = RecursiveFPN(features=4)
    >>> levels = (jnp.ones((1, 8, 8, 8)), jnp.ones((1, 4, 4, 16)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 4), (1, 4, 4, 4)]
    """

    features: int
    repeats: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features, the finest first, to as many of `features` channels.

        Raises:
            InputError: a level is not half as large as the finer one, or `repeats` is
                below 1.
        """
        check_halves("RecursiveFPN", levels)
        if self.repeats < 1:
            raise InputError(
                f"RecursiveFPN: repeats must be at least 1, got {self.repeats}."
            )
        levels = tuple(x.astype(self.dtype) for x in levels)
        neck = FPN(self.features, dtype=self.dtype)
        pointwise = partial(nn.Conv, kernel_size=(1, 1), dtype=self.dtype)
        backs = [pointwise(x.shape[-1]) for x in levels]
        gate = pointwise(1)
        made = neck(levels)
        for _ in range(self.repeats):
            parts = zip(levels, backs, made, strict=True)
            again = neck(tuple(x + back(y) for x, back, y in parts))
            shares = [jax.nn.sigmoid(gate(x)) for x in again]
            parts = zip(shares, again, made, strict=True)
            made = tuple(g * new + (1 - g) * old for g, new, old in parts)
        return made


class DenseFusion(nn.Module):
    """Every level is made of all levels, brought to its size.

        P_i = relu(norm(conv3x3(concatenate_j resize(conv1x1(C_j), i))))

    Coarser levels are enlarged by repetition, of finer ones maxima are taken.

    Attributes:
        features: channels of every level.
        dtype: of the computation.

    Source: Kong, Yao, Chen and Sun, 2016, arXiv:1604.00600 (of one level).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import DenseFusion
    >>> module = DenseFusion(features=4)
    >>> levels = (jnp.ones((1, 8, 8, 8)), jnp.ones((1, 4, 4, 16)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 4), (1, 4, 4, 4)]
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features, the finest first, to as many of `features` channels.

        Raises:
            InputError: a level is not half as large as the finer one.
        """
        check_halves("DenseFusion", levels)
        rows = [nn.Conv(self.features, (1, 1), dtype=self.dtype)(x) for x in levels]
        outputs = []
        for place in range(len(rows)):
            own = [_at(x, other - place) for other, x in enumerate(rows)]
            joined = jnp.concatenate(own, axis=-1)
            joined = nn.Conv(self.features, (3, 3), dtype=self.dtype)(joined)
            outputs.append(jax.nn.relu(GroupNorm(dtype=self.dtype)(joined)))
        return tuple(outputs)


def _at(level: Array, coarser: int) -> Array:
    """A level at the size of one that is so many levels finer, or coarser below 0."""
    for _ in range(coarser):
        level = doubled(level)
    for _ in range(-coarser):
        level = max_pool(level, (2, 2))
    return level
