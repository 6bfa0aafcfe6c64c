"""The neural autoregressive distribution estimator (NADE).

The D conditionals share one hidden layer whose pre-activation is updated by a single
column a dimension, so a likelihood costs O(D H) instead of O(D^2 H):

    a_1 = c,    a_(d+1) = a_d + x_d W_d
    p(x_d = 1 | x_<d) = sigmoid(b_d + V_d . activation(a_d))

The gradient is a custom one that works in segments of about sqrt(D) dimensions: the
forward pass keeps `a` at the start of each segment only, and the backward pass rebuilds
the rest inside. That is exact (nothing is undone by subtraction, which fails where an
activation has a kink) and needs memory for two segments instead of for all D states.

Source: Larochelle and Murray, 2011; Uria, Cote, Gregor, Murray and Larochelle, 2016,
arXiv:1605.02226.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density
from genjax.densities.bernoulli import bernoulli_log_prob, smoothed_logits
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample

Activation = Callable[[Array], Array]


def nade(
    *,
    hidden: int,
    activation: Activation = jax.nn.sigmoid,
    segment: int | None = None,
) -> Density:
    """A NADE over binary vectors, in the order of their dimensions.

        log p(x) = sum_d log Bernoulli(x_d; sigmoid(b_d + V_d . activation(a_d)))

    Args:
        hidden: the width H of the shared hidden layer.
        activation: an element-wise activation; the sigmoid is the original, the ReLU is
            faster and usually fits better.
        segment: dimensions a segment of the gradient; about sqrt(D) when None.

    Returns:
        A density over `x` in {0, 1}, `[b, D]`, with the parameters `W` and `V`
        `[D, H]`, `b` `[D]` and `c` `[H]`. `complete` takes an `observed` mask that is a
        prefix of the order: for a flattened image, the upper rows.

    Raises:
        InputError: `hidden` or `segment` is not positive, examples are not vectors, or
            a mask is not a prefix.

    >>> model = nade(hidden=16)
    >>> x = jnp.eye(4)
    >>> params = model.init(jax.random.key(0), x)
    >>> model.log_prob(params, x).shape
    (4,)
    >>> x, log_prob = model.sample(params, jax.random.key(1), 3)
    >>> x.shape, log_prob.shape
    ((3, 4), (3,))
    """
    if hidden < 1:
        raise InputError(f"nade: hidden must be at least 1, got {hidden}.")
    if segment is not None and segment < 1:
        raise InputError(f"nade: segment must be at least 1, got {segment}.")

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        del condition
        _check_vectors(x)
        dim = x.shape[1]
        key_w, key_v = jax.random.split(key)
        scale = math.sqrt(2 / (dim + hidden))
        return {
            "W": scale * jax.random.normal(key_w, (dim, hidden)),
            "V": scale * jax.random.normal(key_v, (dim, hidden)),
            "b": smoothed_logits(x.astype(jnp.float32)),
            "c": jnp.zeros(hidden),
        }

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        del condition
        _check_vectors(x)
        params, x = _as_float32((params, x))
        size = segment or max(1, math.isqrt(x.shape[1]))
        return jnp.sum(bernoulli_log_prob(_logits(activation, size, params, x), x), 1)

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        del condition
        dim = params["b"].shape[0]
        return complete(params, key, jnp.zeros((n, dim)), np.zeros(dim, bool))

    def complete(
        params: Params, key: Key, x: Event, observed: Any
    ) -> tuple[Array, Array]:
        _check_vectors(x)
        mask = _check_prefix(observed, x.shape[1])
        params, x = _as_float32((params, x))
        return _draw(activation, params, key, x, mask)

    return Density(init, log_prob, sample, complete)


def _as_float32(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree)


def _check_vectors(x: Array) -> None:
    if x.ndim != 2:
        raise InputError(
            f"nade: x must be a batch of vectors [b, D], got the shape {x.shape}; "
            "flatten images first."
        )


def _check_prefix(observed: Any, dim: int) -> np.ndarray:
    mask = np.asarray(observed, bool)
    if mask.shape != (dim,):
        raise InputError(
            f"nade: observed must have the shape ({dim},), got {mask.shape}."
        )
    if np.any(mask[1:] & ~mask[:-1]):
        first = int(np.argmin(mask))
        raise InputError(
            "nade: exact completion needs the observed dimensions to be a prefix of "
            f"the order; dimension {first} is missing before observed ones."
        )
    return mask


def _draw(
    activation: Activation, params: Params, key: Key, x: Array, observed: np.ndarray
) -> tuple[Array, Array]:
    """Walks the order once: observed entries are kept, the others are drawn."""
    uniform = jax.random.uniform(key, x.T.shape)

    def step(carry: tuple[Array, Array], inputs: Any) -> tuple[Any, Array]:
        a, log_prob = carry
        given, seen, u, w, v, b = inputs
        logit = activation(a) @ v + b
        drawn = (u < jax.nn.sigmoid(logit)).astype(a.dtype)
        value = jnp.where(seen, given, drawn)
        term = jnp.where(seen, 0.0, bernoulli_log_prob(logit, value))
        return (a + value[:, None] * w[None], log_prob + term), value

    start = jnp.broadcast_to(params["c"], (x.shape[0], params["c"].shape[0]))
    columns = (x.T, observed, uniform, params["W"], params["V"], params["b"])
    (_, log_prob), values = jax.lax.scan(step, (start, jnp.zeros(x.shape[0])), columns)
    return values.T, log_prob


def _segments(matrix: Array, size: int) -> Array:
    """Cuts `[D, ...]` into `[segments, size, ...]`, padded with zeros."""
    pad = -matrix.shape[0] % size
    widths = [(0, pad)] + [(0, 0)] * (matrix.ndim - 1)
    return jnp.pad(matrix, widths).reshape(-1, size, *matrix.shape[1:])


def _join(segments: Array, dim: int) -> Array:
    return segments.reshape(-1, *segments.shape[2:])[:dim]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _logits(activation: Activation, size: int, params: Params, x: Array) -> Array:
    return _logits_forward(activation, size, params, x)[0]


def _logits_forward(
    activation: Activation, size: int, params: Params, x: Array
) -> tuple[Array, Any]:
    dim = x.shape[1]

    def step(a: Array, inputs: Any) -> tuple[Array, Array]:
        x_d, w, v = inputs
        return a + x_d[:, None] * w[None], activation(a) @ v

    def segment(a: Array, inputs: Any) -> tuple[Array, tuple[Array, Array]]:
        end, logits = jax.lax.scan(step, a, inputs)
        return end, (logits, a)

    start = jnp.broadcast_to(params["c"], (x.shape[0], params["c"].shape[0]))
    columns = [_segments(m, size) for m in (x.T, params["W"], params["V"])]
    _, (logits, starts) = jax.lax.scan(segment, start, tuple(columns))
    return _join(logits, dim).T + params["b"][None], (params, x, starts)


def _logits_backward(
    activation: Activation, size: int, residuals: Any, cotangent: Array
) -> tuple[Params, Array]:
    params, x, starts = residuals
    dim = x.shape[1]

    def rebuild(a: Array, inputs: Any) -> tuple[Array, Array]:
        x_d, w = inputs
        return a + x_d[:, None] * w[None], a

    def step(da: Array, inputs: Any) -> tuple[Array, Any]:
        a, x_d, g, w, v = inputs
        h, pullback = jax.vjp(activation, a)
        gradients = (x_d @ da, g @ h, da @ w)
        return da + pullback(g[:, None] * v[None])[0], gradients

    def segment(da: Array, inputs: Any) -> tuple[Array, Any]:
        a, x_s, g, w, v = inputs
        _, states = jax.lax.scan(rebuild, a, (x_s, w))
        return jax.lax.scan(step, da, (states, x_s, g, w, v), reverse=True)

    columns = [_segments(m, size) for m in (x.T, cotangent.T, params["W"], params["V"])]
    da, gradients = jax.lax.scan(
        segment, jnp.zeros_like(starts[0]), (starts, *columns), reverse=True
    )
    dw, dv, dx = (_join(g, dim) for g in gradients)
    db, dc = cotangent.sum(axis=0), da.sum(axis=0)
    return {"W": dw, "V": dv, "b": db, "c": dc}, dx.T


_logits.defvjp(_logits_forward, _logits_backward)
