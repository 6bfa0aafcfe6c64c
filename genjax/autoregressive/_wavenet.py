"""WaveNet: dilated causal convolutions over the dimensions."""

import math

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


def wavenet(
    *, channels: int, layers: int, conditional: Conditional | None = None
) -> Density:
    """Gated convolutions of two taps, each reaching twice as far back as the last.

        h = tanh(t) sigmoid(s),   (t, s) = x_d A + x_(d - 2^l) B,   x += h R,
        outputs_d = V relu(sum_l h S)

    While sampling, a step computes one place of each layer from what it has kept.

    Args:
        channels: of the convolutions.
        layers: how many; `2^layers` dimensions are seen.
        conditional: what a dimension is drawn from; `binary()` when None.

    Returns:
        A density over `[b, D]`; see `autoregressive`. A condition moves every gate of
        the first layer.

    Raises:
        InputError: `channels` or `layers` is not positive.

    Source: van den Oord et al., 2016, arXiv:1609.03499; Le Paine et al., 2016,
    arXiv:1611.09482, for the cache.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import wavenet
    >>> model, x = wavenet(channels=8, layers=2), jnp.eye(4)
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (4,)
    """
    for name, value in (("channels", channels), ("layers", layers)):
        if value < 1:
            raise InputError(f"wavenet: {name} must be at least 1, got {value}.")
    conditional = binary() if conditional is None else conditional

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        key, key_condition = jax.random.split(key)
        event = inputs.shape[1:]
        return {
            "params": {
                **_init_layers(key, event, channels, layers, conditional.size),
                "condition": init_projection(key_condition, condition, channels),
            }
        }

    def shift_of(params: Params, condition: Condition, n: int) -> Array:
        return project(
            params["condition"], condition, n, features=channels, user="wavenet"
        )

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        params = variables["params"]
        shift = shift_of(params, condition, len(inputs))
        before = inputs_before(inputs)
        x = before @ params["inputs"] + params["places"][None] + shift[:, None]
        total = jnp.zeros_like(x)
        for i in range(layers):
            reach = min(2**i, x.shape[1])
            past = jnp.pad(x, ((0, 0), (reach, 0), (0, 0)))[:, : x.shape[1]]
            x, skip = _layer(params, i, x, past)
            total = total + skip
        return jax.nn.relu(total) @ params["outputs"]

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        params = variables["params"]
        n, dim, _ = blank.shape
        shift = shift_of(params, condition, n)

        def step(rings: list[Array], d: Array, previous: Array) -> tuple[Carry, Array]:
            place = jnp.take(params["places"], d, axis=0)
            x = previous @ params["inputs"] + place[None] + shift
            total, turned = jnp.zeros_like(x), []
            for i, ring in enumerate(rings):
                # Where the new value goes stands the one that is as old as the reach.
                slot = d % len(ring)
                past = jax.lax.dynamic_index_in_dim(ring, slot, keepdims=False)
                turned.append(jax.lax.dynamic_update_index_in_dim(ring, x, slot, 0))
                x, skip = _layer(params, i, x, past)
                total = total + skip
            return turned, jax.nn.relu(total) @ params["outputs"]

        reaches = [min(2**i, dim) for i in range(layers)]
        return [jnp.zeros((r, n, channels), jnp.float32) for r in reaches], step

    return autoregressive(AutoregressiveNetwork(init, outputs, start), conditional)


def _init_layers(
    key: Key, event: tuple[int, ...], channels: int, layers: int, size: int
) -> Params:
    dim, k = event
    keys = jax.random.split(key, 6)
    scale = 1 / math.sqrt(channels)
    square = (layers, channels, channels)
    taps = (layers, 2, channels, 2 * channels)
    return {
        "inputs": jax.random.normal(keys[0], (k, channels)) / math.sqrt(k),
        "places": 0.1 * jax.random.normal(keys[1], (dim, channels)),
        "taps": scale * jax.random.normal(keys[2], taps),
        "residual": scale * jax.random.normal(keys[3], square),
        "skip": scale * jax.random.normal(keys[4], square),
        "outputs": 0.1 * scale * jax.random.normal(keys[5], (channels, size)),
    }


def _layer(params: Params, i: int, now: Array, past: Array) -> tuple[Array, Array]:
    """The next layer's input and what goes to the outputs."""
    near, far = params["taps"][i]
    bend, gate = jnp.split(now @ near + past @ far, 2, axis=-1)
    h = jnp.tanh(bend) * jax.nn.sigmoid(gate)
    return now + h @ params["residual"][i], h @ params["skip"][i]
