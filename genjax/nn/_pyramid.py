"""Features at several resolutions: a backbone, and what joins its levels."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._convolution import max_pool
from genjax.nn._normalization import GroupNorm
from genjax.nn._resnet import ResidualBlock
from genjax.typing import Array

Levels = tuple[Array, ...]


class PyramidBackbone(nn.Module):
    """A residual network that returns the features of its last stages.

    Attributes:
        widths: the channels of the stages; stage i has the stride `stem 2^i`.
        levels: how many of the last stages to return, the finest first.
        stem: the stride of the first convolution.
        blocks: residual blocks a stage.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import PyramidBackbone
    >>> module = PyramidBackbone(widths=(8, 8, 16), levels=2)
    >>> x = jnp.ones((1, 16, 16, 1))
    >>> [f.shape for f in module.apply(module.init(jax.random.key(0), x), x)]
    [(1, 8, 8, 8), (1, 4, 4, 16)]
    """

    widths: Sequence[int]
    levels: int
    stem: int = 1
    blocks: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Levels:
        """Maps images `[b, h, w, c]` to features, the finest first.

        Raises:
            InputError: the image cannot be halved often enough.
        """
        factor = self.stem * 2 ** (len(self.widths) - 1)
        check_divisible("PyramidBackbone", x, factor)
        size = 2 * self.stem + 1
        stem = (self.stem, self.stem)
        x = nn.Conv(self.widths[0], (size, size), stem, dtype=self.dtype)(x)
        features = []
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride = 2 if stage and not block else 1
                x = ResidualBlock(width, stride, dtype=self.dtype)(x)
            features.append(x)
        return last_levels("PyramidBackbone", features, self.levels)


class FPN(nn.Module):
    """A feature pyramid: coarse features, enlarged, are added to finer ones.

        P_i = conv3x3(M_i),   M_i = conv1x1(C_i) + enlarge(M_(i+1))

    Attributes:
        features: channels of every level.
        finest: how many of the finest levels to return; all without it.
        dtype: of the computation.

    Source: Lin et al., 2017, arXiv:1612.03144.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import FPN
    >>> module = FPN(features=4)
    >>> levels = (jnp.ones((1, 8, 8, 8)), jnp.ones((1, 4, 4, 16)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 4), (1, 4, 4, 4)]
    """

    features: int
    finest: int | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features, the finest first, to as many of `features` channels.

        Raises:
            InputError: a level is not half as large as the finer one.
        """
        check_halves("FPN", levels)
        merged: Array | None = None
        outputs = []
        kept = len(levels) if self.finest is None else self.finest
        for place in reversed(range(len(levels))):
            level = levels[place]
            lateral = nn.Conv(self.features, (1, 1), dtype=self.dtype)(level)
            if merged is not None:
                lateral = lateral + doubled(merged)
            merged = lateral
            if place < kept:
                output = nn.Conv(self.features, (3, 3), dtype=self.dtype)(merged)
                outputs.append(output)
        return tuple(reversed(outputs))


class PAN(nn.Module):
    """A path aggregation network: a feature pyramid, and a way back to coarse levels.

        N_0 = P_0,   N_(i+1) = conv3x3(relu(P_(i+1) + conv3x3/2(N_i))),   P of an FPN

    Attributes:
        features: channels of every level.
        dtype: of the computation.

    Source: Liu, Qi, Qin, Shi and Jia, 2018, arXiv:1803.01534.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import PAN
    >>> module = PAN(features=4)
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
        check_halves("PAN", levels)
        finest, *coarser = FPN(self.features, dtype=self.dtype)(levels)
        outputs = [finest]
        for level in coarser:
            below = nn.Conv(self.features, (3, 3), (2, 2), dtype=self.dtype)(
                outputs[-1]
            )
            joined = jax.nn.relu(level + below)
            outputs.append(nn.Conv(self.features, (3, 3), dtype=self.dtype)(joined))
        return tuple(outputs)


class BiFPN(nn.Module):
    """Feature pyramids both ways, again and again, whose sums are weighted.

        T_i = conv(w C_i + w' enlarge(T_(i+1))),
        P_i = conv(v C_i + v' T_i + v'' halve(P_(i-1))),

    weights not negative with sum 1, learnt for every sum; `halve` takes maxima; `conv`
    is depth-wise 3 x 3, then 1 x 1, with a group norm.

    Attributes:
        features: channels of every level.
        repeats: of both ways.
        dtype: of the computation.

    Source: Tan, Pang and Le, 2020, arXiv:1911.09070.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import BiFPN
    >>> module = BiFPN(features=4)
    >>> levels = (jnp.ones((1, 8, 8, 8)), jnp.ones((1, 4, 4, 16)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 4), (1, 4, 4, 4)]
    """

    features: int
    repeats: int = 2
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features, the finest first, to as many of `features` channels.

        Raises:
            InputError: a level is not half as large as the finer one, or `repeats` is
                below 1.
        """
        check_halves("BiFPN", levels)
        if self.repeats < 1:
            raise InputError(f"BiFPN: repeats must be at least 1, got {self.repeats}.")
        rows = [nn.Conv(self.features, (1, 1), dtype=self.dtype)(x) for x in levels]
        for _ in range(self.repeats):
            down = [rows[-1]]
            for level in reversed(rows[:-1]):
                down.insert(0, self._joined(level, doubled(down[0])))
            up = [down[0]]
            for place, level in enumerate(rows[1:], start=1):
                own = [level, down[place]] if place < len(rows) - 1 else [level]
                up.append(self._joined(*own, max_pool(up[-1], (2, 2))))
            rows = up
        return tuple(rows)

    def _joined(self, *parts: Array) -> Array:
        x = jax.nn.silu(_WeightedSum()(*parts))
        depthwise = nn.Conv(
            self.features,
            (3, 3),
            feature_group_count=self.features,
            use_bias=False,
            dtype=self.dtype,
        )
        x = nn.Conv(self.features, (1, 1), dtype=self.dtype)(depthwise(x))
        return GroupNorm(dtype=self.dtype)(x)


class _WeightedSum(nn.Module):
    """A mean by positive weights, one learnt for each part."""

    @nn.compact
    def __call__(self, *parts: Array) -> Array:
        start = nn.initializers.ones
        weight = jax.nn.relu(self.param("weight", start, (len(parts),), jnp.float32))
        share = (weight / (jnp.sum(weight) + 1e-4)).astype(parts[0].dtype)
        return jnp.einsum("n,n...->...", share, jnp.stack(parts))


class ResidualStage(nn.Module):
    """Residual blocks on the last level of a backbone.

    Their weights are of the same form for every dilation, so that stages of several
    dilations can share them.

    Attributes:
        width: channels.
        blocks: residual blocks.
        dilation: of their convolutions.
        dtype: of the computation.

    Source: Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ResidualStage
    >>> module = ResidualStage(width=4, dilation=2)
    >>> levels = (jnp.ones((1, 16, 16, 4)), jnp.ones((1, 8, 8, 8)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 8, 8, 4)]
    """

    width: int
    blocks: int = 2
    dilation: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Maps features to one level `[b, h, w, width]`.

        Raises:
            InputError: there is no level, or something is below 1.
        """
        if not levels or min(self.width, self.blocks, self.dilation) < 1:
            raise InputError(
                "ResidualStage: levels, width, blocks and dilation must be at least 1, "
                f"got {len(levels)}, {self.width}, {self.blocks} and {self.dilation}."
            )
        x = levels[-1]
        for _ in range(self.blocks):
            x = ResidualBlock(self.width, dilation=self.dilation, dtype=self.dtype)(x)
        return (x,)


def last_levels(user: str, features: Sequence[Array], count: int) -> Levels:
    """Returns the features of the last stages.

    Args:
        user: who asks, for the error's sentence.
        features: of all stages.
        count: how many to return.

    Raises:
        InputError: there are not so many.
    """
    if not 1 <= count <= len(features):
        raise InputError(
            f"{user}: levels must be from 1 to the {len(features)} stages, got {count}."
        )
    return tuple(features[-count:])


def check_divisible(user: str, image: Array, factor: int) -> None:
    """Checks that an image can be halved often enough.

    Args:
        user: who asks, for the error's sentence.
        image: `[b, h, w, c]`.
        factor: that must divide its sides.
    """
    height, width = image.shape[1:3]
    if height % factor or width % factor:
        raise InputError(
            f"{user}: the sides of images must be multiples of {factor}, got {height} "
            f"x {width}."
        )


def check_halves(user: str, levels: Levels) -> None:
    """Checks that every level is half as large as the finer one.

    Args:
        user: who asks, for the error's sentence.
        levels: features, the finest first.
    """
    if not levels:
        raise InputError(f"{user}: there is no level.")
    for fine, coarse in itertools.pairwise(levels):
        if fine.shape[1:3] != (2 * coarse.shape[1], 2 * coarse.shape[2]):
            raise InputError(
                f"{user}: every level must be half as large as the finer one, got "
                f"{fine.shape[1:3]} before {coarse.shape[1:3]}."
            )


def doubled(x: Array) -> Array:
    """A level of twice the size, every value repeated."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


class Passthrough(nn.Module):
    """One level of two: the finer is folded into the channels of the coarser.

    Each 2 x 2 of the finer level become four times its channels.

    Attributes:
        features: channels of the result.
        dtype: of the computation.

    Source: Redmon and Farhadi, 2017, arXiv:1612.08242.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import Passthrough
    >>> module = Passthrough(features=4)
    >>> levels = (jnp.ones((1, 8, 8, 8)), jnp.ones((1, 4, 4, 16)))
    >>> [p.shape for p in module.apply(module.init(jax.random.key(0), levels), levels)]
    [(1, 4, 4, 4)]
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Levels:
        """Joins the last two levels.

        Raises:
            InputError: the coarser is not half as large as the finer.
        """
        check_halves("Passthrough", levels[-2:])
        fine, coarse = levels[-2:]
        b, height, width, _ = coarse.shape
        folded = fine.reshape(b, height, 2, width, 2, -1)
        folded = folded.transpose(0, 1, 3, 2, 4, 5).reshape(b, height, width, -1)
        x = jnp.concatenate([folded, coarse], axis=-1)
        x = nn.Conv(self.features, (3, 3), dtype=self.dtype)(x)
        return (nn.leaky_relu(GroupNorm(dtype=self.dtype)(x), 0.1),)
