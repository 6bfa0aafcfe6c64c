"""The neural autoregressive distribution estimator (NADE), for values of any kind.

The D conditionals share one hidden layer whose pre-activation is updated by a single
row per dimension, so a likelihood costs O(D H) instead of O(D^2 H):

    a_1 = c,    a_(d+1) = a_d + x_d W_d,    outputs_d = b_d + activation(a_d) V_d

A condition u moves both biases: `c + u C` and `b + u B`.
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from genjax.autoregressive._conditional import (
    Conditional,
    binary,
    normal_mixture,
)
from genjax.autoregressive._engine import Advance, AutoregressiveNetwork, autoregressive
from genjax.autoregressive._projection import init_projection, project
from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Carry, Condition, Key, Params, Scanned, Tree, Variables

Activation = Callable[[Array], Array]

Terms = Callable[[Activation, Array, Array, Array, Array], Array]
"""`(activation, W [D, k, H], V [D, H, size], a_1 [b, H], x [b, D, k]) -> [b, D, size]`,
the products `activation(a_d) V_d`."""


def nade(
    *,
    hidden: int,
    activation: Activation = jax.nn.sigmoid,
    conditional: Conditional | None = None,
    terms: Terms | None = None,
) -> Density:
    """A NADE over vectors, in the order of their dimensions.

        p(x_d | x_<d) = conditional(x_d; b_d + activation(a_d) V_d)

    Args:
        hidden: the width H of the shared hidden layer.
        activation: an element-wise activation; the sigmoid is the original, the ReLU is
            faster and usually fits better.
        conditional: what a dimension is drawn from; `binary()` when None.
        terms: how the gradient is made: `segmented()` when None; `scan_terms` where
            forward-mode derivatives are needed.

    Returns:
        A density over `[b, D]`; see `autoregressive`.

    Raises:
        InputError: `hidden` is not positive.

    Source: Larochelle and Murray, 2011; Uria, Cote, Gregor, Murray and Larochelle,
    2016, arXiv:1605.02226.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import nade
    >>> model = nade(hidden=16)
    >>> x = jnp.eye(4)
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (4,)
    >>> x, log_prob = model.sample(variables, jax.random.key(1), 3)
    >>> x.shape, log_prob.shape
    ((3, 4), (3,))
    """
    if hidden < 1:
        raise InputError(f"nade: hidden must be at least 1, got {hidden}.")
    conditional = binary() if conditional is None else conditional
    size, products = conditional.size, segmented() if terms is None else terms

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        _, dim, k = inputs.shape
        key_w, key_v, key_c, key_b = jax.random.split(key, 4)
        scale = math.sqrt(2 / (dim + hidden))
        return {
            "params": {
                "W": scale * jax.random.normal(key_w, (dim, k, hidden)),
                "V": scale * jax.random.normal(key_v, (dim, hidden, size)),
                "c": jnp.zeros(hidden),
                "C": init_projection(key_c, condition, hidden),
                "B": init_projection(key_b, condition, dim * size),
            }
        }

    def shifts(params: Params, n: int, condition: Condition) -> tuple[Array, Array]:
        """Those of the outputs `[n, D, size]` and of the hidden layer `[n, H]`."""
        dim = len(params["V"])
        shift = partial(project, condition=condition, n=n, user="nade")
        outputs = shift(params["B"], features=dim * size)
        start = params["c"][None] + shift(params["C"], features=hidden)
        return outputs.reshape(n, dim, size), start

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        params = variables["params"]
        shift, start = shifts(params, len(inputs), condition)
        return shift + products(activation, params["W"], params["V"], start, inputs)

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        params = variables["params"]
        shift, first = shifts(params, len(blank), condition)

        def step(a: Array, d: Array, previous: Array) -> tuple[Array, Array]:
            a = a + previous @ jnp.take(params["W"], jnp.maximum(d - 1, 0), axis=0)
            output = activation(a) @ jnp.take(params["V"], d, axis=0)
            return a, output + jnp.take(shift, d, axis=1)

        return first, step

    return autoregressive(AutoregressiveNetwork(init, outputs, start), conditional)


def rnade(
    *, hidden: int, components: int, activation: Activation = jax.nn.relu
) -> Density:
    """The NADE of real vectors: each conditional is a mixture of normals.

    Examples are `[b, D]`, log-densities `[b]`.

    Args:
        hidden: the width of the shared hidden layer.
        components: of each mixture.
        activation: of the hidden layer.

    Returns:
        `nade` with `normal_mixture(components)`; `laplace_mixture` is the other choice
        of the paper.

    Source: Uria, Murray and Larochelle, 2013, arXiv:1306.0186.

    >>> import jax
    >>> from genjax.autoregressive import rnade
    >>> model = rnade(hidden=8, components=2)
    >>> x = jax.random.normal(jax.random.key(0), (5, 3))
    >>> model.log_prob(model.init(jax.random.key(1), x), x).shape
    (5,)
    """
    return nade(
        hidden=hidden, activation=activation, conditional=normal_mixture(components)
    )


def scan_terms(
    activation: Activation, w: Array, v: Array, start: Array, x: Array
) -> Array:
    """The plain scan over the dimensions, differentiable in both modes.

    Its backward pass keeps the state of every dimension: `b D H` numbers.

    `w` is `[D, inputs, H]`, `v` `[D, H, size]`, `start` `[b, H]`, `x` `[b, D, inputs]`,
    and the terms are `[b, D, size]`.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import scan_terms
    >>> w, v = jnp.ones((5, 1, 4)), jnp.ones((5, 4, 1))
    >>> scan_terms(jnp.tanh, w, v, jnp.zeros((3, 4)), jnp.ones((3, 5, 1))).shape
    (3, 5, 1)
    """

    def step(a: Array, scanned: Scanned) -> tuple[Array, Array]:
        x_d, w, v = scanned
        return _advance(a, x_d, w), _product(activation(a), v)

    _, terms = jax.lax.scan(step, start, (jnp.swapaxes(x, 0, 1), w, v))
    return jnp.swapaxes(terms, 0, 1)


def segmented(size: int | None = None) -> Terms:
    """The scan with a gradient of its own, in little memory.

    The forward pass keeps the state at the start of each segment only, and the backward
    pass rebuilds the rest inside. That is exact (nothing is undone by subtraction,
    which fails where an activation has a kink) and needs memory for two segments
    instead of for all D states.

    Shapes are those of `scan_terms`: the terms are `[b, D, size]`.

    Args:
        size: dimensions per segment; about sqrt(D) when None.

    Raises:
        InputError: `size` is not positive.

    Source: Griewank, 1992; Chen, Xu, Zhang and Guestrin, 2016, arXiv:1604.06174.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import segmented
    >>> w, v = jnp.ones((5, 1, 4)), jnp.ones((5, 4, 1))
    >>> segmented(2)(jnp.tanh, w, v, jnp.zeros((3, 4)), jnp.ones((3, 5, 1))).shape
    (3, 5, 1)
    """
    if size is not None and size < 1:
        raise InputError(f"segmented: size must be at least 1, got {size}.")

    def terms(
        activation: Activation, w: Array, v: Array, start: Array, x: Array
    ) -> Array:
        each = size or max(1, math.isqrt(x.shape[1]))
        return _segmented_terms(activation, each, w, v, start, x)

    return terms


def _advance(a: Array, x: Array, w: Array) -> Array:
    """`a + x w`; for a single input a product that fuses, not one of matrices."""
    return a + (x * w if len(w) == 1 else x @ w)


def _product(h: Array, v: Array) -> Array:
    return (h @ v[:, 0])[:, None] if v.shape[1] == 1 else h @ v


def _outer(x: Array, y: Array) -> Array:
    """`x' y`, summed over the rows."""
    return (x[:, 0] @ y)[None] if x.shape[1] == 1 else x.T @ y


def _segments(matrix: Array, size: int) -> Array:
    """Cuts `[D, ...]` into `[segments, size, ...]`, padded with zeros."""
    pad = -matrix.shape[0] % size
    widths = [(0, pad)] + [(0, 0)] * (matrix.ndim - 1)
    return jnp.pad(matrix, widths).reshape(-1, size, *matrix.shape[1:])


def _join(segments: Array, dim: int) -> Array:
    return segments.reshape(-1, *segments.shape[2:])[:dim]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _segmented_terms(
    activation: Activation, size: int, w: Array, v: Array, start: Array, x: Array
) -> Array:
    return _terms_forward(activation, size, w, v, start, x)[0]


def _terms_forward(
    activation: Activation, size: int, w: Array, v: Array, start: Array, x: Array
) -> tuple[Array, Scanned]:
    def step(a: Array, scanned: Scanned) -> tuple[Array, Array]:
        x_d, w, v = scanned
        return _advance(a, x_d, w), _product(activation(a), v)

    def segment(a: Array, scanned: Scanned) -> tuple[Array, tuple[Array, Array]]:
        end, terms = jax.lax.scan(step, a, scanned)
        return end, (terms, a)

    rows = [_segments(m, size) for m in (jnp.swapaxes(x, 0, 1), w, v)]
    _, (terms, starts) = jax.lax.scan(segment, start, tuple(rows))
    return jnp.swapaxes(_join(terms, x.shape[1]), 0, 1), (w, v, x, starts)


def _terms_backward(
    activation: Activation, size: int, residuals: Tree, cotangent: Array
) -> tuple[Array, Array, Array, Array]:
    w, v, x, starts = residuals
    dim = x.shape[1]

    def rebuild(a: Array, scanned: Scanned) -> tuple[Array, Array]:
        x_d, w = scanned
        return _advance(a, x_d, w), a

    def step(da: Array, scanned: Scanned) -> tuple[Array, Scanned]:
        a, x_d, g, w, v = scanned
        h, pullback = jax.vjp(activation, a)
        dw, dv, dx = _outer(x_d, da), _outer(g, h).T, _product(da, w.T)
        return da + pullback(_advance(jnp.zeros((), g.dtype), g, v.T))[0], (dw, dv, dx)

    def segment(da: Array, scanned: Scanned) -> tuple[Array, Scanned]:
        a, x_s, g, w, v = scanned
        _, states = jax.lax.scan(rebuild, a, (x_s, w))
        return jax.lax.scan(step, da, (states, x_s, g, w, v), reverse=True)

    rows = [jnp.swapaxes(m, 0, 1) for m in (x, cotangent)]
    columns = [_segments(m, size) for m in (*rows, w, v)]
    da, gradients = jax.lax.scan(
        segment, jnp.zeros_like(starts[0]), (starts, *columns), reverse=True
    )
    dw, dv, dx = (_join(g, dim) for g in gradients)
    return dw, dv, da, jnp.swapaxes(dx, 0, 1)


_segmented_terms.defvjp(_terms_forward, _terms_backward)
