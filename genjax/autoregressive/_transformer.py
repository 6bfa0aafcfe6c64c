"""A causal transformer over the dimensions, sampled with cached keys and values."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.autoregressive._conditional import Conditional, binary
from genjax.autoregressive._engine import (
    Advance,
    AutoregressiveNetwork,
    autoregressive,
    inputs_before,
)
from genjax.autoregressive._projection import init_projection, project
from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Carry, Condition, Key, Params, Variables


def transformer(
    *,
    width: int,
    heads: int,
    layers: int,
    conditional: Conditional | None = None,
    rotary: bool = False,
) -> Density:
    """Attention to the dimensions before, in equal layers run by one scan.

        token_d = x_(d-1) A + p_d,   outputs_d = norm(blocks(token)_d) V

    A token sees those up to its own, so that output d sees the inputs before d. Keys
    and values of earlier tokens are kept while sampling: a step costs one token.

    Args:
        width: of the tokens.
        heads: of the attention.
        layers: blocks of attention and a two-layer network, each on normalised tokens.
        conditional: what a dimension is drawn from; `binary()` when None.
        rotary: turns queries and keys by their places, beside the learnt embedding `p`
            that says which dimension it is.

    Returns:
        A density over `[b, D]`; see `autoregressive`. A condition is added to every
        token.

    Raises:
        InputError: `layers` is not positive, `heads` does not divide `width`, or the
            heads' width is odd where `rotary` is set.

    Source: Vaswani et al., 2017, arXiv:1706.03762; Su et al., 2021, arXiv:2104.09864.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import transformer
    >>> model, x = transformer(width=8, heads=2, layers=1), jnp.eye(4)
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (4,)
    """
    _check_settings(layers, heads, width, rotary=rotary)
    each = width // heads
    conditional = binary() if conditional is None else conditional

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        key, key_condition = jax.random.split(key)
        return {
            "params": {
                **_init_layers(key, inputs.shape[1:], width, layers, conditional.size),
                "condition": init_projection(key_condition, condition, width),
            }
        }

    attention = _Attention(heads, rotary)

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        params = variables["params"]
        places = jnp.arange(inputs.shape[1])
        before = inputs_before(inputs)
        seen = places[:, None] >= places[None]

        def block(tokens: Array, layer: Params) -> tuple[Array, None]:
            mixed = attention.attend(*attention.split(layer, tokens, places), seen)
            return _feed(layer, tokens + mixed @ layer["mix"]), None

        tokens = _tokens(params, before, places, condition)
        tokens, _ = jax.lax.scan(block, tokens, params["blocks"])
        return _norm(tokens) @ params["outputs"]

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        params = variables["params"]
        n, dim, _ = blank.shape
        empty = jnp.zeros((n, dim, heads, each), jnp.float32)

        def step(cache: Carry, d: Array, previous: Array) -> tuple[Carry, Array]:
            seen = jnp.arange(dim)[None] <= d

            token, kept = _tokens(params, previous[:, None], d[None], condition), []
            for layer, (keys, values) in enumerate(cache):
                block = jax.tree.map(lambda leaf, i=layer: leaf[i], params["blocks"])
                q, k, v = attention.split(block, token, d[None])
                keys = jax.lax.dynamic_update_slice_in_dim(keys, k, d, axis=1)
                values = jax.lax.dynamic_update_slice_in_dim(values, v, d, axis=1)
                mixed = attention.attend(q, keys, values, seen)
                token = _feed(block, token + mixed @ block["mix"])
                kept.append((keys, values))
            return kept, (_norm(token) @ params["outputs"])[:, 0]

        # Inside a scan over the layers, the whole cache would be copied per layer.
        return [(empty, empty)] * layers, step

    return autoregressive(AutoregressiveNetwork(init, outputs, start), conditional)


def _check_settings(layers: int, heads: int, width: int, *, rotary: bool) -> None:
    if min(layers, heads, width) < 1 or width % heads:
        raise InputError(
            "transformer: layers and heads must be at least 1 and heads divide the "
            f"width, got {layers} layers, {heads} heads, width {width}."
        )
    each = width // heads
    if rotary and each % 2:
        raise InputError(
            f"transformer: rotary places need heads of an even width, got {each}."
        )


class _Attention(NamedTuple):
    """Attention of several heads, whose places turn them or not."""

    heads: int
    rotary: bool

    def split(
        self, params: Params, tokens: Array, places: Array
    ) -> tuple[Array, Array, Array]:
        """Queries, keys and values, each `[n, places, heads, each]`."""
        projected = _norm(tokens) @ params["attend"]
        parts = projected.reshape(*tokens.shape[:2], 3, self.heads, -1)
        q, k, v = (parts[:, :, i] for i in range(3))
        if self.rotary:
            q, k = _rotate(q, places), _rotate(k, places)
        return q, k, v

    def attend(self, q: Array, k: Array, v: Array, seen: Array) -> Array:
        """What each query sees, `[n, queries, width]`."""
        mixed = jax.nn.dot_product_attention(q, k, v, mask=seen[None, None])
        return mixed.reshape(*mixed.shape[:2], -1)


def _tokens(
    params: Params, before: Array, places: Array, condition: Condition
) -> Array:
    """Tokens `[n, places, width]` of the inputs before the places."""
    width = params["inputs"].shape[1]
    shift = project(
        params["condition"], condition, len(before), features=width, user="transformer"
    )
    embedded = jnp.take(params["places"], places, axis=0)
    return before @ params["inputs"] + embedded[None] + shift[:, None]


def _init_layers(
    key: Key, event: tuple[int, ...], width: int, layers: int, size: int
) -> Params:
    dim, k = event
    keys = jax.random.split(key, 4)
    blocks = jax.vmap(_init_block, (0, None))(jax.random.split(keys[2], layers), width)
    return {
        "inputs": jax.random.normal(keys[0], (k, width)) / math.sqrt(k),
        "places": 0.1 * jax.random.normal(keys[1], (dim, width)),
        "blocks": blocks,
        "outputs": 0.1 * jax.random.normal(keys[3], (width, size)),
    }


def _init_block(key: Key, width: int) -> Params:
    keys = jax.random.split(key, 3)
    scale = 1 / math.sqrt(width)
    return {
        "attend": scale * jax.random.normal(keys[0], (width, 3 * width)),
        "mix": 0.1 * scale * jax.random.normal(keys[1], (width, width)),
        "up": scale * jax.random.normal(keys[2], (width, 4 * width)),
        "down": jnp.zeros((4 * width, width)),
    }


def _feed(params: Params, tokens: Array) -> Array:
    hidden = jax.nn.gelu(_norm(tokens) @ params["up"])
    return tokens + hidden @ params["down"]


def _norm(tokens: Array) -> Array:
    """To the root mean square 1; scales are left to the matrices that follow."""
    square = jnp.mean(tokens**2, axis=-1, keepdims=True)
    return tokens * jax.lax.rsqrt(square + 1e-6)


def _rotate(x: Array, places: Array) -> Array:
    """Turns pairs of features `[n, places, heads, e]` by angles that grow by place."""
    half = x.shape[-1] // 2
    rates = 10_000.0 ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angles = (places.astype(jnp.float32)[:, None] * rates[None])[None, :, None]
    sine, cosine = jnp.sin(angles), jnp.cos(angles)
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate(
        [first * cosine - second * sine, first * sine + second * cosine], axis=-1
    )
