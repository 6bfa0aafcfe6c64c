"""Sylvester flows: planar flows of higher rank, with triangular factors."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.arrays import matmul
from genjax.base import Bijector
from genjax.checks import check_event
from genjax.errors import InputError
from genjax.flows._elementwise import Mapped, inverse_by_bisection
from genjax.flows._linear import reflect
from genjax.flows._planar import vector_dim
from genjax.typing import Array, Condition, Event, Key, Params, PerExample, Variables

Frame = Callable[[Params, int], Array]
"""`(params, d) -> Q [d, rank]`, with orthonormal columns."""


def orthogonal_sylvester(*, rank: int) -> Bijector:
    """A Sylvester flow in a learnt subspace.

        y = x + Q R tanh(S Q' x + b),   log|det| = sum_i log(1 + r_ii s_ii tanh'_i)

    R and S are upper triangular with diagonals in (-1, 1), so that it is invertible;
    the inverse solves one increasing equation per dimension of the subspace. Q is the
    orthonormal factor of a free matrix.

    Examples are `[b, d]`.

    Args:
        rank: of the subspace.

    Raises:
        InputError: `rank` is not between 1 and the number of dimensions.

    Source: van den Berg, Hasenclever, Tomczak and Welling, 2018, arXiv:1803.05649.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import orthogonal_sylvester
    >>> layer, x = orthogonal_sylvester(rank=2), jnp.ones((5, 3))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, _ = layer.forward(params, x)
    >>> bool(jnp.allclose(layer.inverse(params, y)[0], x, atol=1e-4))
    True
    """

    def init_frame(key: Key, dim: int) -> Params:
        if not 1 <= rank <= dim:
            raise InputError(
                f"orthogonal_sylvester: rank must be between 1 and {dim}, got {rank}."
            )
        return jax.random.normal(key, (dim, rank))

    return _sylvester(
        init_frame, lambda free, dim: jnp.linalg.qr(free)[0], "orthogonal_sylvester"
    )


def householder_sylvester(*, reflections: int) -> Bijector:
    """A Sylvester flow of full rank, rotated by Householder reflections.

    See `orthogonal_sylvester`; Q is a product of reflections.

    Examples are `[b, d]`.

    Args:
        reflections: how many.

    Raises:
        InputError: there is no reflection.

    Source: van den Berg, Hasenclever, Tomczak and Welling, 2018, arXiv:1803.05649.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import householder_sylvester
    >>> layer, x = householder_sylvester(reflections=2), jnp.ones((2, 3))
    >>> variables = layer.init(jax.random.key(0), x)
    >>> y, log_det = layer.forward(variables, x)
    >>> bool(jnp.allclose(layer.inverse(variables, y)[0], x, atol=1e-4)), log_det.shape
    (True, (2,))
    """
    if reflections < 1:
        raise InputError(
            f"householder_sylvester: reflections must be at least 1, got {reflections}."
        )
    return _sylvester(
        lambda key, dim: jax.random.normal(key, (reflections, dim)),
        lambda vectors, dim: reflect(vectors, jnp.eye(dim)),
        "householder_sylvester",
    )


def triangular_sylvester() -> Bijector:
    """A Sylvester flow of full rank without a rotation: Q is the identity.

    See `orthogonal_sylvester`; alternate it with `reverse`.

    Examples are `[b, d]`.

    Source: van den Berg, Hasenclever, Tomczak and Welling, 2018, arXiv:1803.05649.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import triangular_sylvester
    >>> layer, x = triangular_sylvester(), jnp.ones((2, 3))
    >>> variables = layer.init(jax.random.key(0), x)
    >>> y, log_det = layer.forward(variables, x)
    >>> bool(jnp.allclose(layer.inverse(variables, y)[0], x, atol=1e-4)), log_det.shape
    (True, (2,))
    """
    return _sylvester(
        lambda key, dim: (), lambda params, dim: jnp.eye(dim), "triangular_sylvester"
    )


def _sylvester(
    init_frame: Callable[[Key, int], Params], frame: Frame, name: str
) -> Bijector:
    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        dim = vector_dim(name, x)
        key_frame, key_outer, key_inner = jax.random.split(key, 3)
        free = init_frame(key_frame, dim)
        rank = frame(free, dim).shape[1]
        return {
            "params": {
                "frame": free,
                "outer": 0.5 * jax.random.normal(key_outer, (rank, rank)),
                "inner": 0.5 * jax.random.normal(key_inner, (rank, rank)),
                "b": jnp.zeros(rank),
            }
        }

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del condition
        params = variables["params"]
        q = frame(params["frame"], len(params["outer"]))
        check_event(name, q.shape[:1], x)
        outer, inner = _triangle(params["outer"]), _triangle(params["inner"])
        bent = jnp.tanh(matmul(matmul(x, q), inner.T) + params["b"][None])
        slopes = (jnp.diag(outer) * jnp.diag(inner))[None] * (1 - bent**2)
        return x + matmul(matmul(bent, outer.T), q.T), jnp.sum(
            jnp.log1p(slopes), axis=1
        )

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del condition
        params = variables["params"]
        q = frame(params["frame"], len(params["outer"]))
        check_event(name, q.shape[:1], y)
        outer, inner = _triangle(params["outer"]), _triangle(params["inner"])
        target = matmul(y, q)

        def solve_one(
            carry: tuple[Array, Array], i: Array
        ) -> tuple[tuple[Array, Array], Array]:
            s, bent = carry
            offset = matmul(s, inner[i]) + params["b"][i]
            raw = jnp.stack(jnp.broadcast_arrays(outer[i, i], inner[i, i], offset))
            found, log_slope = inverse_by_bisection(_rise)(
                raw, target[:, i] - matmul(bent, outer[i])
            )
            s = s.at[:, i].set(found)
            bent = bent.at[:, i].set(jnp.tanh(inner[i, i] * found + offset))
            return (s, bent), log_slope

        start = (jnp.zeros_like(target), jnp.zeros_like(target))
        indices = jnp.arange(target.shape[1])[::-1]
        (_, bent), log_slopes = jax.lax.scan(solve_one, start, indices)
        return y - matmul(matmul(bent, outer.T), q.T), log_slopes.sum(axis=0)

    return Bijector(init, forward, inverse)


def _rise(raw: Array, s: Array) -> Mapped:
    """One coordinate of the subspace, given those after it."""
    outer, inner, offset = raw
    bent = jnp.tanh(inner * s + offset)
    return s + outer * bent, jnp.log1p(outer * inner * (1 - bent**2))


def _triangle(free: Array) -> Array:
    """An upper triangle with a diagonal in (-1, 1)."""
    return jnp.triu(free, 1) + jnp.diag(jnp.tanh(jnp.diag(free)))
