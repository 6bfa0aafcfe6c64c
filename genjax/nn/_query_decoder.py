"""A decoder of queries about boxes: attention among themselves and to an image."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.nn._embedding import sinusoids
from genjax.nn._normalization import LayerNorm
from genjax.nn._pyramid import Levels
from genjax.nn._towers import prior_bias
from genjax.typing import Array, Float, Int

SHARPNESS = 1.0
"""Before softplus: how fast attention falls off from a box at first."""
LEAST_SIDE = 0.02
"""The least side of a box, as a share of the image, in how attention falls off."""


class QueryDecoder(nn.Module):
    """Refines boxes by attention to the features of an image, layer by layer.

    A query begins as the feature of a place. In each layer queries attend to each
    other, and to all places, whose attention falls off from the query's box,

        logit = q k / sqrt(d) - s ((dx / w)^2 + (dy / h)^2),

    with an `s` learnt for every head, and then change their boxes, as logits.

    Attributes:
        classes: how many there are.
        width: of the queries; a multiple of 8 and of the heads.
        layers: how many.
        heads: of the attention.
        prior: the probability that the class logits start from.
        dtype: of the computation.

    Source: Carion et al., 2020, arXiv:2005.12872; Gao et al., 2021, arXiv:2101.07448;
    Zhu et al., 2021, arXiv:2010.04159.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import QueryDecoder
    >>> module = QueryDecoder(classes=3, width=8, layers=2)
    >>> levels = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))
    >>> given = levels, jnp.array([[0, 70]]), jnp.full((1, 2, 4), 0.5)
    >>> raw = module.apply(module.init(jax.random.key(0), *given), *given)
    >>> [x.shape for x in raw["logits"]]
    [(1, 2, 3), (1, 2, 3)]
    """

    classes: int
    width: int
    layers: int = 3
    heads: int = 4
    prior: float = 0.01
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, levels: Levels, index: Int[Array, "b q"], box: Float[Array, "b q 4"]
    ) -> dict[str, Levels]:
        """Maps features and first boxes to `{"logits": ..., "box": ...}` of all layers.

        Args:
            levels: features `[b, h, w, c]`.
            index: the place where each query begins, counted through all levels.
            box: its centre and size, in shares of the image.

        Raises:
            InputError: the width is no multiple of 8 and of the heads, there is no
                layer or head, or levels differ in their channels.
        """
        if min(self.layers, self.heads) < 1:
            raise InputError(
                "QueryDecoder: layers and heads must be at least 1, got "
                f"{self.layers} and {self.heads}."
            )
        if len({x.shape[-1] for x in levels}) != 1:
            raise InputError(
                "QueryDecoder: levels must have as many channels each, got "
                f"{[x.shape[-1] for x in levels]}."
            )
        if self.width % 8 or self.width % self.heads:
            raise InputError(
                f"QueryDecoder: width must be a multiple of 8 and of the {self.heads} "
                f"heads, got {self.width}."
            )
        dense = partial(nn.Dense, self.width, dtype=self.dtype)
        rows = [x.reshape(len(x), -1, x.shape[-1]) for x in levels]
        tokens = LayerNorm(dtype=self.dtype)(dense()(jnp.concatenate(rows, axis=1)))
        query = jnp.take_along_axis(tokens, index[..., None], axis=1)
        places = jnp.concatenate([_cells(*x.shape[1:3]) for x in levels])[None]
        keys = tokens + dense()(_waves(places, self.width))
        logits, boxes = [], []
        for _ in range(self.layers):
            layer = _Layer(self.width, self.heads, self.dtype)
            box = jax.lax.stop_gradient(box)
            query = layer(query, box, tokens, keys, places)
            normed = LayerNorm(dtype=self.dtype)(query)
            change = nn.Dense(4, kernel_init=nn.initializers.zeros)(
                jax.nn.relu(dense()(normed)).astype(jnp.float32)
            )
            start = jax.scipy.special.logit(jnp.clip(box, 1e-3, 1 - 1e-3))
            box = jax.nn.sigmoid(start + change)
            bias = prior_bias(self.prior)
            scored = nn.Dense(self.classes, bias_init=bias, dtype=self.dtype)(normed)
            logits.append(scored.astype(jnp.float32))
            boxes.append(box)
        return {"logits": tuple(logits), "box": tuple(boxes)}


class _Layer(nn.Module):
    """Attention among queries, attention to the image, and a network for each query."""

    width: int
    heads: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, query: Array, box: Array, tokens: Array, keys: Array, places: Array
    ) -> Array:
        """Returns the queries `[b, q, width]` after the layer."""
        dense = partial(nn.Dense, dtype=self.dtype)
        norm = partial(LayerNorm, dtype=self.dtype)
        position = dense(self.width)(
            jax.nn.relu(dense(self.width)(_waves(box, self.width)))
        )
        value = norm()(query)
        own = value + position
        query = query + self._attend(own, own, value)
        sharpness = self.param(
            "sharpness", nn.initializers.constant(SHARPNESS), (self.heads,), jnp.float32
        )
        away = (box[:, :, None, :2] - places[:, None, :, :2]) / jnp.maximum(
            box[:, :, None, 2:], LEAST_SIDE
        )
        fall = jnp.sum(away**2, axis=-1)[:, None]
        bias = -jax.nn.softplus(sharpness)[None, :, None, None] * fall
        query = query + self._attend(norm()(query) + position, keys, tokens, bias)
        wider = jax.nn.relu(dense(2 * self.width)(norm()(query)))
        return query + dense(self.width)(wider)

    def _attend(
        self, query: Array, key: Array, value: Array, bias: Array | None = None
    ) -> Array:
        dense = partial(nn.Dense, self.width, dtype=self.dtype)
        parts = [
            dense()(x).reshape(*x.shape[:2], self.heads, -1)
            for x in (query, key, value)
        ]
        # The library adds the float32 bias to products of any dtype.
        with jax.numpy_dtype_promotion("standard"):
            seen = jax.nn.dot_product_attention(*parts, bias=bias)
        return dense()(seen.reshape(*query.shape[:2], self.width))


def _cells(height: int, width: int) -> Float[Array, "p 4"]:
    """Centre and size of the cells of a level, in shares of the image."""
    x, y = ((jnp.arange(n, dtype=jnp.float32) + 0.5) / n for n in (width, height))
    centre = jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(-1, 2)
    size = jnp.array([1 / width, 1 / height], jnp.float32)[None]
    return jnp.concatenate([centre, jnp.broadcast_to(size, centre.shape)], axis=1)


def _waves(box: Float[Array, "b n 4"], features: int) -> Float[Array, "b n features"]:
    """Sinusoids of the four numbers of every box."""
    waves = sinusoids(box.reshape(-1), features=features // 4)
    return waves.reshape(*box.shape[:2], features)
