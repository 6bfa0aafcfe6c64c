"""Planar and radial flows: the identity plus one direction, or plus one centre."""

import jax
import jax.numpy as jnp

from genjax.arrays import matmul
from genjax.base import Bijector
from genjax.checks import check_event
from genjax.errors import InputError
from genjax.flows._elementwise import Mapped, inverse_by_bisection
from genjax.typing import Array, Condition, Event, Key, Params, PerExample, Variables


def planar() -> Bijector:
    """Shifts along one direction by how far a point lies along another.

        y = x + u tanh(w x + b),   log|det| = log(1 + (w u) tanh'(w x + b))

    `u` is moved along `w` so that `w u > -1`, which makes it invertible; the inverse
    solves one increasing equation per row.

    Examples are `[b, d]`, log-determinants `[b]`.

    Raises:
        InputError: examples are no vectors.

    Source: Rezende and Mohamed, 2015, arXiv:1505.05770.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import planar
    >>> layer, x = planar(), jnp.ones((3, 2))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, _ = layer.forward(params, x)
    >>> bool(jnp.allclose(layer.inverse(params, y)[0], x, atol=1e-4))
    True
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        dim = vector_dim("planar", x)
        key_u, key_w = jax.random.split(key)
        scale = dim**-0.5
        return {
            "params": {
                "u": scale * jax.random.normal(key_u, (dim,)),
                "w": scale * jax.random.normal(key_w, (dim,)),
                "b": jnp.zeros(()),
            }
        }

    def direction(params: Params) -> tuple[Array, Array]:
        """The admissible u, and w u."""
        u, w = params["u"], params["w"]
        product = jnp.sum(w * u)
        wanted = jax.nn.softplus(product) - 1
        return u + (wanted - product) * w / jnp.maximum(jnp.sum(w**2), 1e-12), wanted

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del condition
        params = variables["params"]
        u, product = direction(params)
        check_event("planar", params["w"].shape, x)
        along = matmul(x, params["w"]) + params["b"]
        y = x + jnp.tanh(along)[:, None] * u[None]
        return y, jnp.log1p(product * (1 - jnp.tanh(along) ** 2))

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del condition
        params = variables["params"]
        u, product = direction(params)

        def rise(raw: Array, along: Array) -> Mapped:
            slope = 1 + raw[0] * (1 - jnp.tanh(along) ** 2)
            return along + raw[0] * jnp.tanh(along), jnp.log(slope)

        check_event("planar", params["w"].shape, y)
        target = matmul(y, params["w"]) + params["b"]
        raw = jnp.broadcast_to(product, (1, *target.shape))
        along, log_slope = inverse_by_bisection(rise)(raw, target)
        return y - jnp.tanh(along)[:, None] * u[None], log_slope

    return Bijector(init, forward, inverse)


def radial() -> Bijector:
    """Moves points towards a centre, or away from it.

        y = x + beta (x - c) / (alpha + r),   r = |x - c|,
        log|det| = (d - 1) log(1 + beta h) + log(1 + beta h - beta r h^2),
        h = 1 / (alpha + r)

    `alpha > 0` and `beta > -alpha`, so that it is invertible, in closed form.

    Examples are `[b, d]`, log-determinants `[b]`.

    Raises:
        InputError: examples are no vectors.

    Source: Rezende and Mohamed, 2015, arXiv:1505.05770.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import radial
    >>> layer, x = radial(), jnp.ones((3, 2))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, _ = layer.forward(params, x)
    >>> bool(jnp.allclose(layer.inverse(params, y)[0], x, atol=1e-4))
    True
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        dim = vector_dim("radial", x)
        return {
            "params": {
                "centre": jax.random.normal(key, (dim,)),
                "alpha": jnp.ones(()),
                "beta": jnp.ones(()),
            }
        }

    def settings(params: Params) -> tuple[Array, Array]:
        alpha = jax.nn.softplus(params["alpha"])
        return alpha, jax.nn.softplus(params["beta"]) - alpha

    def log_det(dim: int, alpha: Array, beta: Array, r: Array) -> PerExample:
        h = 1 / (alpha + r)
        return (dim - 1) * jnp.log1p(beta * h) + jnp.log1p(beta * h - beta * r * h**2)

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del condition
        params = variables["params"]
        alpha, beta = settings(params)
        check_event("radial", params["centre"].shape, x)
        offset = x - params["centre"][None]
        r = _norm(offset)
        y = x + (beta / (alpha + r))[:, None] * offset
        return y, log_det(x.shape[1], alpha, beta, r)

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del condition
        params = variables["params"]
        alpha, beta = settings(params)
        check_event("radial", params["centre"].shape, y)
        offset = y - params["centre"][None]
        distance = _norm(offset)
        half = 0.5 * (distance - alpha - beta)
        r = half + jnp.sqrt(half**2 + alpha * distance)
        x = params["centre"][None] + offset / (1 + beta / (alpha + r))[:, None]
        return x, -log_det(y.shape[1], alpha, beta, r)

    return Bijector(init, forward, inverse)


def vector_dim(name: str, x: Event) -> int:
    """Returns the dimension of a batch of vectors.

    Raises:
        InputError: examples are no vectors.
    """
    if x.ndim != 2:
        raise InputError(
            f"{name}: examples must be vectors, got a batch of the shape {x.shape}."
        )
    return x.shape[1]


def _norm(offset: Array) -> PerExample:
    # At the centre itself the root has no slope.
    return jnp.sqrt(jnp.maximum(jnp.sum(offset**2, axis=1), 1e-12))
