"""Residual flows: the identity plus a contraction."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.base import Bijector, NetworkLike
from genjax.errors import InputError
from genjax.flows._fixed_point import fixed_point
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables

Contraction = Callable[[Array], Array]
"""`x [b, *event] -> g(x) [b, *event]`, row by row, with a Lipschitz bound below 1."""

LogDet = Callable[[Contraction, Array], tuple[Array, Array]]
"""`(g, x) -> (g(x), log|det(I + dg/dx)| [b])`."""


def residual(
    model: NetworkLike,
    *,
    log_det: LogDet | None = None,
    tolerance: float = 1e-6,
    iterations: int = 500,
) -> Bijector:
    """Adds a contraction: an invertible residual block (i-ResNet).

        y = x + g(x),   log|det| = log|det(I + dg/dx)|
        x <- y - g(x), again and again until nothing changes

    Args:
        model: the network g, from `[b, *event]` to itself, or of `(x, condition)`,
            with a Lipschitz bound below 1: `nn.LipschitzMLP`.
        log_det: `exact_log_det` when None; `power_series_log_det` or
            `russian_roulette_log_det` for many dimensions.
        tolerance: the fixed point is found when no element changes by more.
        iterations: after which the fixed point is taken as it is.

    Source: Behrmann et al., 2019, arXiv:1811.00995; Chen, Behrmann, Duvenaud and
    Jacobsen, 2019, arXiv:1906.02735.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import residual
    >>> from genjax import nn
    >>> layer = residual(nn.LipschitzMLP(features=2, hidden=(8,)))
    >>> x = jnp.ones((3, 2))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, _ = layer.forward(params, x)
    >>> bool(jnp.allclose(layer.inverse(params, y)[0], x, atol=1e-4))
    True
    """
    measure = exact_log_det if log_det is None else log_det
    step = as_pure_network(model, user="residual")

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        return step.init(key, x, condition)

    def contraction(variables: Variables, condition: Condition) -> Contraction:
        def apply(x: Array) -> Array:
            y = step.apply(variables, x, condition)
            if y.shape != x.shape:
                raise InputError(
                    f"residual: the network must keep the shape {x.shape}, "
                    f"got {y.shape}."
                )
            return y.astype(x.dtype)

        return apply

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        x = as_float(x)
        change, value = measure(contraction(variables, condition), x)
        return x + change, value

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        g = contraction(variables, condition)
        y = as_float(y)
        x = fixed_point(
            lambda x: y - g(x), y, tolerance=tolerance, iterations=iterations
        )
        return x, -measure(g, x)[1]

    return Bijector(init, forward, inverse)


def exact_log_det(g: Contraction, x: Event) -> tuple[Event, PerExample]:
    """The log-determinant by the whole Jacobian, one derivative per dimension.

    Source: Behrmann et al., 2019, arXiv:1811.00995.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import exact_log_det
    >>> exact_log_det(lambda x: 0.5 * x, jnp.ones((1, 2)))[1].round(4).tolist()
    [0.8109]
    """
    value, linear = jax.linearize(g, x)
    dim = x[0].size

    def column(index: Array) -> Array:
        tangent = jax.nn.one_hot(index, dim, dtype=x.dtype).reshape(1, *x.shape[1:])
        return linear(jnp.broadcast_to(tangent, x.shape)).reshape(len(x), dim)

    jacobian = jnp.moveaxis(jax.vmap(column)(jnp.arange(dim)), 0, -1)
    return value, jnp.linalg.slogdet(jnp.eye(dim, dtype=x.dtype)[None] + jacobian)[1]


def power_series_log_det(key: Key, *, terms: int, probes: int = 1) -> LogDet:
    """The first terms of the log-determinant's power series, by Hutchinson's trace.

        log|det(I + J)| = sum_(k >= 1) (-1)^(k + 1) tr(J^k) / k

    Biased by the terms left out, which fall like the Lipschitz bound to the power k. A
    fixed key is for evaluation: train by `training.stochastic(lambda key: ...)`.

    It takes `x` `[b, *event]` and gives a log-determinant `[b]`.

    Args:
        key: draws the probes.
        terms: of the series.
        probes: over how many the trace is averaged.

    Raises:
        InputError: there is no term or no probe.

    Source: Behrmann et al., 2019, arXiv:1811.00995.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import power_series_log_det
    >>> estimate = power_series_log_det(jax.random.key(0), terms=20)
    >>> y, log_det = estimate(lambda x: 0.5 * x, jnp.ones((1, 2)))
    >>> y.tolist(), log_det.round(3).tolist()
    ([[0.5, 0.5]], [0.811])
    """
    _check("power_series_log_det", terms=terms, probes=probes)
    return _series(key, lambda key: jnp.ones(terms), terms, probes)


def russian_roulette_log_det(
    key: Key, *, exact_terms: int = 4, rate: float = 0.5, probes: int = 1
) -> LogDet:
    """An unbiased estimate from a random number of terms of the power series.

        n ~ Geometric(rate) terms after the exact ones, the j-th times 1 / P(n >= j)

    The series is cut at 30 random terms, which one draw in a billion would pass at the
    default rate. A fixed key is for evaluation: train by
    `training.stochastic(lambda key: ...)`.

    It takes `x` `[b, *event]` and gives a log-determinant `[b]`.

    Args:
        key: draws the number of terms and the probes.
        exact_terms: that are always taken.
        rate: the chance to stop after each of the others.
        probes: over how many the trace is averaged.

    Raises:
        InputError: `rate` is outside (0, 1), or there is no term or no probe.

    Source: Chen, Behrmann, Duvenaud and Jacobsen, 2019, arXiv:1906.02735.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import russian_roulette_log_det
    >>> estimate = russian_roulette_log_det(jax.random.key(0))
    >>> y, log_det = estimate(lambda x: 0.5 * x, jnp.ones((1, 2)))
    >>> y.tolist(), log_det.shape
    ([[0.5, 0.5]], (1,))
    """
    _check("russian_roulette_log_det", exact_terms=exact_terms, probes=probes)
    if not 0 < rate < 1:
        raise InputError(
            f"russian_roulette_log_det: rate must be between 0 and 1, got {rate}."
        )
    terms = exact_terms + 30

    def weights(key: Key) -> Array:
        beyond = jnp.maximum(jnp.arange(1.0, terms + 1) - exact_terms, 0.0)
        drawn = jax.random.geometric(key, rate).astype(jnp.float32)
        chance = (1 - rate) ** jnp.maximum(beyond - 1, 0.0)
        return jnp.where(beyond <= drawn, 1 / chance, 0.0)

    return _series(key, weights, terms, probes)


def _series(
    key: Key, weights: Callable[[Key], Array], terms: int, probes: int
) -> LogDet:
    key_weights, key_probes = jax.random.split(key)

    def log_det(g: Contraction, x: Event) -> tuple[Event, PerExample]:
        value, pull = jax.vjp(g, x)
        axes = tuple(range(1, x.ndim))

        def estimate(key: Key) -> Array:
            probe = jax.random.rademacher(key, x.shape, x.dtype)

            def term(vector: Array, scanned: tuple[Array, Array]) -> tuple:
                k, weight = scanned
                (vector,) = pull(vector)
                sign = 2 * (k % 2) - 1
                return vector, sign * weight / k * jnp.sum(vector * probe, axis=axes)

            orders = jnp.arange(1.0, terms + 1)
            _, parts = jax.lax.scan(term, probe, (orders, weights(key_weights)))
            return parts.sum(axis=0)

        estimates = jax.vmap(estimate)(jax.random.split(key_probes, probes))
        return value, jnp.mean(estimates, axis=0)

    return log_det


def _check(name: str, **counts: int) -> None:
    for count, value in counts.items():
        if value < 1:
            raise InputError(f"{name}: {count} must be at least 1, got {value}.")
