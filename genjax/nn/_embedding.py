"""Embeddings of times and of classes."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.typing import Array, Float, Int


def sinusoids(t: Float[Array, " b"], *, features: int) -> Float[Array, "b features"]:
    """Returns sines and cosines of `t` at frequencies from 1 to 10,000 / 2 pi.

    Args:
        t: times in [0, 1].
        features: how many, half of them sines; even.

    Source: Vaswani et al., 2017, arXiv:1706.03762.

    >>> import jax.numpy as jnp
    >>> from genjax.nn._embedding import sinusoids
    >>> sinusoids(jnp.zeros(1), features=4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    frequencies = jnp.exp(jnp.linspace(0.0, math.log(10_000), features // 2))
    angles = t[:, None] * frequencies[None]
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1)


class TimeEmbedding(nn.Module):
    """Sinusoids of a time, through two dense layers.

    Attributes:
        features: output features.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import TimeEmbedding
    >>> module = TimeEmbedding(features=8)
    >>> t = jnp.array([0.0, 0.5])
    >>> module.apply(module.init(jax.random.key(0), t), t).shape
    (2, 8)
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, t: Float[Array, " b"]) -> Array:
        """Maps `[b]` to `[b, features]`."""
        x = sinusoids(t, features=2 * self.features)
        x = jax.nn.silu(nn.Dense(self.features, dtype=self.dtype)(x))
        return nn.Dense(self.features, dtype=self.dtype)(x)


class ClassEmbedding(nn.Module):
    """A learnt vector per class, and one for "no class".

    Attributes:
        classes: how many; the label `classes` itself means none, as classifier-free
            guidance needs.
        features: of a vector.
        dtype: of the output.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ClassEmbedding
    >>> module = ClassEmbedding(classes=10, features=8)
    >>> label = jnp.array([3, 10])
    >>> module.apply(module.init(jax.random.key(0), label), label).shape
    (2, 8)
    """

    classes: int
    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, label: Int[Array, " b"]) -> Array:
        """Maps `[b]` to `[b, features]`."""
        return nn.Embed(self.classes + 1, self.features, dtype=self.dtype)(label)
