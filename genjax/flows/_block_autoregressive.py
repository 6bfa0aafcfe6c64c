"""Block neural autoregressive flows: a monotone network per dimension, all in one."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from genjax.arrays import as_float, matmul, sum_event
from genjax.base import Bijector
from genjax.checks import check_condition, check_event
from genjax.errors import InputError
from genjax.flows._elementwise import Mapped, inverse_by_bisection
from genjax.flows._planar import vector_dim
from genjax.typing import Array, Condition, Event, Key, Params, PerExample, Variables


def block_autoregressive(*, width: int, hidden: int = 1) -> Bijector:
    """A network whose Jacobian is lower triangular with a positive diagonal.

        y_d = (1 - a) x_d + a f_d(x_<=d)
        f = B_n tanh(... tanh(B_0 x + U c + b_0) ...) + b_n
        log|det| = sum_d log(1 - a + a df_d / dx_d)

    The weights are matrices of blocks, a row and a column of blocks a dimension: free
    below the diagonal, positive on it, zero above; their rows are normalised. The
    diagonal's derivatives are multiplied block by block in log-space, and the gate `a`
    in (0, 1) lets the map reach every y. The inverse is found by bisection, dimension
    by dimension.

    Examples are `[b, d]`.

    Args:
        width: hidden units per dimension.
        hidden: layers of them.

    Raises:
        InputError: `width` or `hidden` is not positive, or examples are no vectors.

    Source: De Cao, Titov and Aziz, 2019, arXiv:1904.04676.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import block_autoregressive
    >>> layer, x = block_autoregressive(width=8), jnp.ones((5, 3))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, _ = layer.forward(params, x)
    >>> bool(jnp.allclose(jax.jit(layer.inverse)(params, y)[0], x, atol=1e-4))
    True
    """
    if width < 1 or hidden < 1:
        raise InputError(
            "block_autoregressive: width and hidden must be at least 1, got "
            f"{width} and {hidden}."
        )
    widths = (1, *[width] * hidden, 1)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        dim = vector_dim("block_autoregressive", x)
        key_condition, *keys = jax.random.split(key, len(widths))
        layers = [
            _init_layer(key, dim, below, above)
            for key, below, above in zip(keys, widths[:-1], widths[1:], strict=True)
        ]
        params = {"layers": layers, "gate": jnp.zeros(())}
        if condition is None:
            return {"params": params}
        shape = (condition.shape[1], dim * width)
        projection = 0.1 * jax.random.normal(key_condition, shape)
        return {"params": {**params, "condition": projection}}

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        y, log_slope = _evaluate(variables["params"], x, condition)
        return y, sum_event(log_slope)

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        params, y = variables["params"], as_float(y)
        check_event("block_autoregressive", params["layers"][0]["lower"].shape[:1], y)
        low, high = _bracket(params, y)

        def solve(x: Array, d: Array) -> tuple[Array, None]:
            def rise(raw: Array, value: Array) -> Mapped:
                del raw
                mapped, log_slope = _evaluate(params, x.at[:, d].set(value), condition)
                return mapped[:, d], log_slope[:, d]

            solver = inverse_by_bisection(rise, low=low[:, d], high=high[:, d])
            found, _ = solver(jnp.zeros((0, len(y))), y[:, d])
            return x.at[:, d].set(found), None

        x, _ = jax.lax.scan(solve, jnp.zeros_like(y), jnp.arange(y.shape[1]))
        return x, -forward(variables, x, condition)[1]

    return Bijector(init, forward, inverse)


def _evaluate(params: Params, x: Event, condition: Condition) -> tuple[Array, Array]:
    """The outputs and their log-slopes, both `[b, d]`."""
    first, *others = params["layers"]
    check_event("block_autoregressive", first["lower"].shape[:1], x)
    shift = _condition_shift(params, condition, len(x))
    h, log_slope = _layer(first, x[:, :, None], jnp.zeros((*x.shape, 1)))
    h = h if shift is None else h + shift.reshape(h.shape)
    for layer in others:
        log_slope = log_slope + 2 * (jnp.log(2.0) - h - jax.nn.softplus(-2 * h))
        h, log_slope = _layer(layer, jnp.tanh(h), log_slope)
    gate = params["gate"]
    y = jax.nn.sigmoid(-gate) * x + jax.nn.sigmoid(gate) * h[..., 0]
    learnt = jax.nn.log_sigmoid(gate) + log_slope[..., 0]
    return y, jnp.logaddexp(jax.nn.log_sigmoid(-gate), learnt)


def _init_layer(key: Key, dim: int, below: int, above: int) -> Params:
    key_lower, key_diagonal = jax.random.split(key)
    return {
        "lower": jax.random.normal(key_lower, (dim, above, dim, below)),
        "log_diagonal": 0.1 * jax.random.normal(key_diagonal, (dim, above, below)),
        "log_scale": jnp.zeros((dim, above)),
        "bias": jnp.zeros((dim, above)),
    }


def _layer(params: Params, x: Array, log_slope: Array) -> tuple[Array, Array]:
    """`x` and its log-slopes in the own dimension, `[b, d, below] -> [b, d, above]`."""
    dim = x.shape[1]
    below = jnp.tril(jnp.ones((dim, dim)), -1)[:, None, :, None]
    lower = params["lower"] * below
    diagonal = params["log_diagonal"]
    squares = jnp.sum(lower**2, axis=(2, 3)) + jnp.sum(jnp.exp(2 * diagonal), axis=2)
    log_norm = params["log_scale"] - 0.5 * jnp.log(squares)
    scaled = lower * jnp.exp(log_norm)[:, :, None, None]
    log_diagonal = diagonal + log_norm[:, :, None]
    product = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    y = product("doei,bei->bdo", scaled, x)
    y = y + product("doi,bdi->bdo", jnp.exp(log_diagonal), x) + params["bias"][None]
    paths = log_diagonal[None] + log_slope[:, :, None]
    return y, jax.nn.logsumexp(paths, axis=3)


def _bracket(params: Params, y: Array) -> tuple[Array, Array]:
    """Where x must lie: the learnt part is bounded, since tanh is."""
    last, gate = params["layers"][-1], params["gate"]
    units = math.sqrt(last["lower"].shape[0] * last["lower"].shape[3])
    most = units * jnp.exp(last["log_scale"][:, 0]) + jnp.abs(last["bias"][:, 0])
    reach = jax.nn.sigmoid(gate) * most[None]
    rate = 1 / jax.nn.sigmoid(-gate)
    return (y - reach) * rate, (y + reach) * rate


def _condition_shift(params: Params, condition: Condition, rows: int) -> Array | None:
    width = len(params["condition"]) if "condition" in params else 0
    check_condition("block_autoregressive", width, condition, rows)
    return None if condition is None else matmul(condition, params["condition"])
