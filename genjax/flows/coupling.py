"""Coupling layers: one half of the features transforms the other."""

import jax.numpy as jnp

from genjax.base import Bijector, Network, params_of
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample


def affine_coupling(
    network: Network, *, split: int, max_log_scale: float = 3.0
) -> Bijector:
    """Scales and shifts the last features by a function of the first ones (RealNVP).

        y_1 = x_1,   y_2 = x_2 exp(s) + t,   s, t = network(x_1, condition)
        log|det dy/dx| = sum s

    `s` is `max_log_scale tanh(raw / max_log_scale)`, the identity for small values, so
    that no layer can explode. A condition is appended to the network's input features.

    Args:
        network: any network from `[b, ..., split + condition]` features to
            `[b, ..., 2 (d - split)]`: first the raw scales, then the shifts.
        split: how many features, on the last axis, pass unchanged.
        max_log_scale: the bound of `|s|`.

    Raises:
        InputError: `split` leaves nothing on one side, or the network's output has
            another shape.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax
    >>> from genjax import nn
    >>> layer = affine_coupling(nn.MLP(features=4, hidden=(8,)), split=1)
    >>> x = jnp.ones((5, 3))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, log_det = layer.forward(params, x)
    >>> y.shape, log_det.shape
    ((5, 3), (5,))
    """

    def inputs(x: Array, condition: Condition) -> Array:
        dim = x.shape[-1]
        if not 1 <= split <= dim - 1:
            raise InputError(
                f"affine_coupling: split must be between 1 and dim - 1 = {dim - 1}, "
                f"got {split}."
            )
        if condition is None:
            return x[..., :split]
        return jnp.concatenate([x[..., :split], condition], axis=-1)

    def scale_and_shift(
        params: Params, x: Array, condition: Condition
    ) -> tuple[Array, Array]:
        raw = network.apply({"params": params}, inputs(x, condition))
        expected = (*x.shape[:-1], 2 * (x.shape[-1] - split))
        if raw.shape != expected:
            raise InputError(
                f"affine_coupling: the network must return the shape {expected}, "
                f"got {raw.shape}."
            )
        log_scale, shift = jnp.split(raw.astype(jnp.float32), 2, axis=-1)
        return max_log_scale * jnp.tanh(log_scale / max_log_scale), shift

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        variables = network.init(key, inputs(x, condition))
        return params_of(variables, user="affine_coupling")

    def forward(
        params: Params, x: Event, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        log_scale, shift = scale_and_shift(params, x, condition)
        changed = x[..., split:] * jnp.exp(log_scale) + shift
        y = jnp.concatenate([x[..., :split], changed], axis=-1)
        return y, _sum(log_scale)

    def inverse(
        params: Params, y: Event, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        log_scale, shift = scale_and_shift(params, y, condition)
        changed = (y[..., split:] - shift) * jnp.exp(-log_scale)
        x = jnp.concatenate([y[..., :split], changed], axis=-1)
        return x, -_sum(log_scale)

    return Bijector(init, forward, inverse)


def _sum(log_scale: Array) -> Array:
    return jnp.sum(log_scale, axis=tuple(range(1, log_scale.ndim)))
