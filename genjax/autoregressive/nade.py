"""The neural autoregressive distribution estimator (NADE).

The D conditionals share one hidden layer whose pre-activation is updated by a single
column a dimension, so a likelihood costs O(D H) instead of O(D^2 H):

    a_1 = c,    a_(d+1) = a_d + x_d W_d
    p(x_d = 1 | x_<d) = sigmoid(b_d + V_d . activation(a_d))

A condition u moves both biases: `c + u C` and `b + u B`.

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
        `[D, H]`, `b` `[D]` and `c` `[H]`, and `C` `[k, H]` and `B` `[k, D]` where it is
        initialised with a condition `[b, k]`. `complete` takes an `observed` mask that
        is a prefix of the order: for a flattened image, the upper rows.

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
        _check_vectors(x)
        dim = x.shape[1]
        key_w, key_v, key_c = jax.random.split(key, 3)
        scale = math.sqrt(2 / (dim + hidden))
        conditional = (
            {}
            if condition is None
            else _projections(key_c, condition.shape[1], hidden, dim)
        )
        return {
            **conditional,
            "W": scale * jax.random.normal(key_w, (dim, hidden)),
            "V": scale * jax.random.normal(key_v, (dim, hidden)),
            "b": smoothed_logits(x.astype(jnp.float32)),
            "c": jnp.zeros(hidden),
        }

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        _check_vectors(x)
        params, x = _as_float32((params, x))
        size = segment or max(1, math.isqrt(x.shape[1]))
        b, c = _biases(params, condition, len(x))
        logits = b + _terms(activation, size, params["W"], params["V"], c, x)
        return jnp.sum(bernoulli_log_prob(logits, x), axis=1)

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        params = _as_float32(params)
        dim = params["b"].shape[0]
        biases = _biases(params, condition, n)
        blank, unseen = jnp.zeros((n, dim)), np.zeros(dim, bool)
        return _draw(activation, params, biases, key, blank, unseen)

    def complete(
        params: Params, key: Key, x: Event, observed: Any
    ) -> tuple[Array, Array]:
        _check_vectors(x)
        mask = _check_prefix(observed, x.shape[1])
        params, x = _as_float32((params, x))
        biases = _biases(params, None, len(x))
        return _draw(activation, params, biases, key, x, mask)

    return Density(init, log_prob, sample, complete)


def _as_float32(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree)


def _projections(key: Key, features: int, hidden: int, dim: int) -> Params:
    key_c, key_b = jax.random.split(key)
    scale = math.sqrt(1 / features)
    return {
        "C": scale * jax.random.normal(key_c, (features, hidden)),
        "B": scale * jax.random.normal(key_b, (features, dim)),
    }


def _biases(params: Params, condition: Condition, n: int) -> tuple[Array, Array]:
    """The biases `[n, D]` and `[n, H]` of every example."""
    if (condition is None) != ("C" not in params):
        raise InputError(
            "nade: give a condition exactly where the model was initialised with one."
        )
    b, c = params["b"][None], params["c"][None]
    if condition is not None:
        if len(condition) != n:
            raise InputError(
                f"nade: a condition has one row an example: {n} examples, "
                f"{len(condition)} rows."
            )
        u = condition.astype(jnp.float32)
        b, c = b + u @ params["B"], c + u @ params["C"]
    return jnp.broadcast_to(b, (n, b.shape[1])), jnp.broadcast_to(c, (n, c.shape[1]))


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
    activation: Activation,
    params: Params,
    biases: tuple[Array, Array],
    key: Key,
    x: Array,
    observed: np.ndarray,
) -> tuple[Array, Array]:
    """Walks the order once: observed entries are kept, the others are drawn."""
    uniform = jax.random.uniform(key, x.T.shape)
    bias, start = biases

    def step(carry: tuple[Array, Array], inputs: Any) -> tuple[Any, Array]:
        a, log_prob = carry
        given, seen, u, w, v, b = inputs
        logit = activation(a) @ v + b
        drawn = (u < jax.nn.sigmoid(logit)).astype(a.dtype)
        value = jnp.where(seen, given, drawn)
        term = jnp.where(seen, 0.0, bernoulli_log_prob(logit, value))
        return (a + value[:, None] * w[None], log_prob + term), value

    columns = (x.T, observed, uniform, params["W"], params["V"], bias.T)
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
def _terms(
    activation: Activation, size: int, w: Array, v: Array, start: Array, x: Array
) -> Array:
    """`V_d . activation(a_d)` of every dimension, `[b, D]`, from the states `a_1`."""
    return _terms_forward(activation, size, w, v, start, x)[0]


def _terms_forward(
    activation: Activation, size: int, w: Array, v: Array, start: Array, x: Array
) -> tuple[Array, Any]:
    def step(a: Array, inputs: Any) -> tuple[Array, Array]:
        x_d, w, v = inputs
        return a + x_d[:, None] * w[None], activation(a) @ v

    def segment(a: Array, inputs: Any) -> tuple[Array, tuple[Array, Array]]:
        end, terms = jax.lax.scan(step, a, inputs)
        return end, (terms, a)

    columns = [_segments(m, size) for m in (x.T, w, v)]
    _, (terms, starts) = jax.lax.scan(segment, start, tuple(columns))
    return _join(terms, x.shape[1]).T, (w, v, x, starts)


def _terms_backward(
    activation: Activation, size: int, residuals: Any, cotangent: Array
) -> tuple[Array, Array, Array, Array]:
    w, v, x, starts = residuals
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

    columns = [_segments(m, size) for m in (x.T, cotangent.T, w, v)]
    da, gradients = jax.lax.scan(
        segment, jnp.zeros_like(starts[0]), (starts, *columns), reverse=True
    )
    dw, dv, dx = (_join(g, dim) for g in gradients)
    return dw, dv, da, dx.T


_terms.defvjp(_terms_forward, _terms_backward)
