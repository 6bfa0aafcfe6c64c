"""Monotone splines as scalar maps: the identity outside `[-bound, bound]`.

The knots run along the first axis of the parameters, and a bin is chosen by comparing
with every knot: nothing is gathered, so that all of it fuses into one loop.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import InputError
from genjax.flows._elementwise import (
    Direction,
    Elementwise,
    Mapped,
    Parameters,
    Values,
    inverse_by_bisection,
)
from genjax.typing import Array

SMALLEST = 1e-3
"""The smallest bin, as a share of the interval, and the smallest slope of a knot."""

Knots = tuple[Array, Array, Array]
"""Abscissae, ordinates and slopes, each `[bins + 1, *shape]`."""


def rational_quadratic_spline(*, bins: int, bound: float = 4.0) -> Elementwise:
    """The monotone rational-quadratic spline of neural spline flows.

        y = y_k + h_k (s t^2 + d_k t (1 - t)) / (s + (d_k + d_(k+1) - 2 s) t (1 - t)),
        t = (x - x_k) / w_k,   s = h_k / w_k

    The inverse solves a quadratic in the form that does not cancel, and polishes its
    root by one Newton step.

    Args:
        bins: between the knots.
        bound: the spline lives on `[-bound, bound]`.

    Returns:
        A map with `3 bins - 1` parameters: the logits of widths and heights, and the
        slopes of the inner knots; zeros are the identity.

    Raises:
        InputError: there is no bin, or `bound` is not positive.

    Source: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import rational_quadratic_spline
    >>> transform = rational_quadratic_spline(bins=4)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    _check("rational_quadratic_spline", bins, bound)

    def knots(raw: Parameters) -> Knots:
        x, y = _places(raw[:bins], bound), _places(raw[bins : 2 * bins], bound)
        offset = math.log(math.expm1(1 - SMALLEST))
        slopes = SMALLEST + jax.nn.softplus(raw[2 * bins :] + offset)
        ends = jnp.ones_like(x[:1])
        return x, y, jnp.concatenate([ends, slopes, ends])

    return _rational_quadratic(3 * bins - 1, knots, bound)


def bounded_rational_quadratic_spline(
    *, bins: int, bound: float = 4.0, max_logit: float = 1.5
) -> Elementwise:
    """A rational-quadratic spline whose condition number is bounded.

        logits = max_logit tanh(raw / max_logit)
        d_k = sqrt(s_(k-1) s_k) 4^tanh(raw_k)

    No parameters can make it so steep or so flat that float32 loses the inverse, for a
    few thousandths of a nat at equal depth.

    Args:
        bins: between the knots.
        bound: the spline lives on `[-bound, bound]`.
        max_logit: the bound of the logits of widths and heights.

    Returns:
        A map with `3 bins - 1` parameters; zeros are the identity.

    Raises:
        InputError: there is no bin, or `bound` or `max_logit` is not positive.

    Source: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032, without
    the bounds.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import bounded_rational_quadratic_spline
    >>> transform = bounded_rational_quadratic_spline(bins=4)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    _check("bounded_rational_quadratic_spline", bins, bound)
    if max_logit <= 0:
        raise InputError(
            "bounded_rational_quadratic_spline: max_logit must be positive, "
            f"got {max_logit}."
        )

    def knots(raw: Parameters) -> Knots:
        logits = max_logit * jnp.tanh(raw[: 2 * bins] / max_logit)
        x, y = _places(logits[:bins], bound), _places(logits[bins:], bound)
        secants = _steps(y) / _steps(x)
        means = jnp.sqrt(secants[:-1] * secants[1:])
        slopes = means * jnp.exp(math.log(4.0) * jnp.tanh(raw[2 * bins :]))
        ends = jnp.ones_like(x[:1])
        return x, y, jnp.concatenate([ends, slopes, ends])

    return _rational_quadratic(3 * bins - 1, knots, bound)


def circular_rational_quadratic_spline(
    *, bins: int, bound: float = math.pi
) -> Elementwise:
    """A rational-quadratic spline of a circle: its two ends share one learnt slope.

    Args:
        bins: between the knots.
        bound: angles live on `[-bound, bound]`; outside, the density is 0.

    Returns:
        A map with `3 bins` parameters; zeros are the identity.

    Raises:
        InputError: there is no bin, or `bound` is not positive.

    Source: Rezende et al., 2020, arXiv:2002.02428.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import circular_rational_quadratic_spline
    >>> transform = circular_rational_quadratic_spline(bins=4)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    _check("circular_rational_quadratic_spline", bins, bound)

    def knots(raw: Parameters) -> Knots:
        x, y = _places(raw[:bins], bound), _places(raw[bins : 2 * bins], bound)
        offset = math.log(math.expm1(1 - SMALLEST))
        slopes = SMALLEST + jax.nn.softplus(raw[2 * bins :] + offset)
        return x, y, jnp.concatenate([slopes, slopes[:1]])

    spline = _rational_quadratic(3 * bins, knots, bound)
    last = float(np.nextafter(np.float32(bound), np.float32(0)))

    def only_inside(function: Direction) -> Callable:
        def apply(raw: Parameters, x: Values) -> Mapped:
            # The ends are the two sides of one point, not the tails of the line.
            is_inside = jnp.abs(x) <= np.float32(bound)
            y, log_slope = function(raw, jnp.clip(x, -last, last))
            return jnp.where(is_inside, y, x), jnp.where(is_inside, log_slope, -jnp.inf)

        return apply

    return Elementwise(
        spline.size, only_inside(spline.forward), only_inside(spline.inverse)
    )


def linear_spline(*, bins: int, bound: float = 4.0) -> Elementwise:
    """A piecewise linear map with knots in equal distances.

    Args:
        bins: between the knots.
        bound: the spline lives on `[-bound, bound]`.

    Returns:
        A map with `bins` parameters, the logits of the heights.

    Raises:
        InputError: there is no bin, or `bound` is not positive.

    Source: Müller et al., 2019, arXiv:1808.03856.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import linear_spline
    >>> transform = linear_spline(bins=4)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    _check("linear_spline", bins, bound)

    def along(start: Array, stop: Array, x: Values) -> Mapped:
        a, width, b, height = _at(
            x, start, start[:-1], _steps(start), stop[:-1], _steps(stop)
        )
        slope = height / width
        return b + (x - a) * slope, jnp.log(slope)

    def forward(raw: Parameters, x: Values) -> Mapped:
        return along(_even(raw, bound), _places(raw, bound), x)

    def inverse(raw: Parameters, y: Values) -> Mapped:
        return along(_places(raw, bound), _even(raw, bound), y)

    return _with_tails(bins, forward, inverse, bound)


def quadratic_spline(*, bins: int, bound: float = 4.0) -> Elementwise:
    """A piecewise quadratic map: the integral of a continuous piecewise linear slope.

    Args:
        bins: between the knots.
        bound: the spline lives on `[-bound, bound]`.

    Returns:
        A map with `2 bins + 1` parameters: the logits of the widths and the logarithms
        of the slopes at the knots, which are scaled to reach from end to end.

    Raises:
        InputError: there is no bin, or `bound` is not positive.

    Source: Müller et al., 2019, arXiv:1808.03856.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import quadratic_spline
    >>> transform = quadratic_spline(bins=4)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    _check("quadratic_spline", bins, bound)

    def pieces(raw: Parameters) -> tuple[Array, Array, Array]:
        x = _places(raw[:bins], bound)
        slopes = SMALLEST + jnp.exp(8 * jnp.tanh(raw[bins:] / 8))
        areas = 0.5 * (slopes[:-1] + slopes[1:]) * _steps(x)
        rate = 2 * bound / jnp.sum(areas, axis=0, keepdims=True)
        return x, _cumulative(areas * rate, bound), slopes * rate

    def forward(raw: Parameters, x: Values) -> Mapped:
        knots, values, slopes = pieces(raw)
        a, w, b, d0, d1 = _at(
            x, knots, knots[:-1], _steps(knots), values[:-1], slopes[:-1], slopes[1:]
        )
        t = (x - a) / w
        y = b + w * t * (d0 + 0.5 * (d1 - d0) * t)
        return y, jnp.log(d0 + (d1 - d0) * t)

    def inverse(raw: Parameters, y: Values) -> Mapped:
        knots, values, slopes = pieces(raw)
        a, w, b, d0, d1 = _at(
            y, values, knots[:-1], _steps(knots), values[:-1], slopes[:-1], slopes[1:]
        )
        rise = jnp.maximum(y - b, 0.0) / w
        root = jnp.sqrt(jnp.maximum(d0**2 + 2 * (d1 - d0) * rise, SMALLEST**4))
        t = jnp.clip(2 * rise / (d0 + root), 0.0, 1.0)
        return a + t * w, -jnp.log(d0 + (d1 - d0) * t)

    return _with_tails(2 * bins + 1, forward, inverse, bound)


def cubic_spline(*, bins: int, bound: float = 4.0) -> Elementwise:
    """A monotone piecewise cubic map, with the slopes of Steffen's method.

    An inner knot's slope is the weighted mean of the neighbouring secants, or twice the
    smaller one where that is smaller; the inverse is found by bisection.

    Args:
        bins: between the knots.
        bound: the spline lives on `[-bound, bound]`.

    Returns:
        A map with `2 bins + 2` parameters: the logits of widths and heights, and of the
        slopes at both ends, as shares of three times the outermost secants.

    Raises:
        InputError: there is no bin, or `bound` is not positive.

    Source: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.02145.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import cubic_spline
    >>> transform = cubic_spline(bins=4)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    _check("cubic_spline", bins, bound)
    third = math.log(0.5)

    def knots(raw: Parameters) -> Knots:
        x, y = _places(raw[:bins], bound), _places(raw[bins : 2 * bins], bound)
        widths, secants = _steps(x), _steps(y) / _steps(x)
        mean = (secants[:-1] * widths[1:] + secants[1:] * widths[:-1]) / (
            widths[:-1] + widths[1:]
        )
        smaller = jnp.minimum(secants[:-1], secants[1:])
        inner = 2 * jnp.minimum(smaller, 0.5 * mean)
        shares = 3 * jax.nn.sigmoid(raw[2 * bins :] + third)
        first, last = shares[:1] * secants[:1], shares[1:] * secants[-1:]
        return x, y, jnp.concatenate([first, inner, last])

    def forward(raw: Parameters, x: Values) -> Mapped:
        places, values, slopes = knots(raw)
        a, w, b, h, d0, d1 = _at(
            x,
            places,
            places[:-1],
            _steps(places),
            values[:-1],
            _steps(values),
            slopes[:-1],
            slopes[1:],
        )
        s = h / w
        t = jnp.clip((x - a) / w, 0.0, 1.0)
        cube, square = d0 + d1 - 2 * s, 3 * s - 2 * d0 - d1
        y = b + w * t * (d0 + t * (square + t * cube))
        slope = d0 + t * (2 * square + 3 * t * cube)
        return y, jnp.log(jnp.maximum(slope, 1e-12))

    backward = inverse_by_bisection(forward, low=-bound, high=bound, iterations=30)
    return _with_tails(2 * bins + 2, forward, backward, bound)


def bernstein_polynomial(*, degree: int, bound: float = 4.0) -> Elementwise:
    """A monotone polynomial in Bernstein's basis.

        y = sum_k b_k C(n, k) t^k (1 - t)^(n - k),   b_0 < ... < b_n

    It is increasing because its coefficients are; the inverse is found by bisection.

    Args:
        degree: of the polynomial.
        bound: the polynomial lives on `[-bound, bound]`.

    Returns:
        A map with `degree` parameters, the logits of the coefficients' steps.

    Raises:
        InputError: `degree` is not between 1 and 100, or `bound` not positive.

    Source: Ramasinghe et al., 2021, arXiv:2102.03509.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import bernstein_polynomial
    >>> transform = bernstein_polynomial(degree=5)
    >>> y, _ = transform.forward(jnp.zeros((transform.size, 3)), jnp.arange(3.0))
    >>> y.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    if not 1 <= degree <= 100:
        raise InputError(
            f"bernstein_polynomial: degree must be between 1 and 100, got {degree}."
        )
    _check("bernstein_polynomial", degree, bound)

    def forward(raw: Parameters, x: Values) -> Mapped:
        coefficients = _places(raw, bound)
        t = (x + bound) / (2 * bound)
        slope = _bernstein(degree * _steps(coefficients), t) / (2 * bound)
        return _bernstein(coefficients, t), jnp.log(slope)

    backward = inverse_by_bisection(forward, low=-bound, high=bound, iterations=30)
    return _with_tails(degree, forward, backward, bound)


def _bernstein(coefficients: Array, t: Values) -> Values:
    n = len(coefficients) - 1
    terms = [
        math.comb(n, k) * coefficients[k] * t**k * (1 - t) ** (n - k)
        for k in range(n + 1)
    ]
    return sum(terms[1:], terms[0])


def _rational_quadratic(
    size: int, knots: Callable[[Parameters], Knots], bound: float
) -> Elementwise:
    def pieces(raw: Parameters, at: Values, *, axis: int) -> tuple[Array, ...]:
        x, y, slopes = places = knots(raw)
        return _at(
            at,
            places[axis],
            x[:-1],
            _steps(x),
            y[:-1],
            _steps(y),
            slopes[:-1],
            slopes[1:],
        )

    def evaluate(t: Values, h: Values, s: Values, d0: Values, d1: Values) -> Mapped:
        """The rise within a bin, and the log-slope."""
        u, v = t * (1 - t), 1 - t
        below = s + (d0 + d1 - 2 * s) * u
        above = d1 * t**2 + 2 * s * u + d0 * v**2
        rise = h * (s * t**2 + d0 * u) / below
        return rise, 2 * jnp.log(s) + jnp.log(above) - 2 * jnp.log(below)

    def forward(raw: Parameters, x: Values) -> Mapped:
        a, w, b, h, d0, d1 = pieces(raw, x, axis=0)
        rise, log_slope = evaluate((x - a) / w, h, h / w, d0, d1)
        return b + rise, log_slope

    def inverse(raw: Parameters, y: Values) -> Mapped:
        a, w, b, h, d0, d1 = pieces(raw, y, axis=1)
        s, rise = h / w, y - b
        # From the nearer knot, where the root is small and exact.
        is_upper = rise * (2 * s + d0 + d1) > h * (s + d0)
        rise = jnp.where(is_upper, b + h - y, rise)
        d0, d1 = jnp.where(is_upper, d1, d0), jnp.where(is_upper, d0, d1)
        bend = rise * (d0 + d1 - 2 * s)
        square, linear = h * (s - d0) + bend, h * d0 - bend
        inside = linear**2 + 4 * square * s * rise
        root = jnp.sqrt(jnp.maximum(inside, (1e-6 * h * s) ** 2))
        is_bent = linear < 0
        above = jnp.where(is_bent, root - linear, 2 * s * rise)
        t = jnp.clip(above / jnp.where(is_bent, 2 * square, linear + root), 0.0, 1.0)
        found, log_slope = evaluate(t, h, s, d0, d1)
        polished = jnp.clip(t - (found - rise) / (w * jnp.exp(log_slope)), 0.0, 1.0)
        again, polished_log_slope = evaluate(polished, h, s, d0, d1)
        is_better = jnp.abs(again - rise) < jnp.abs(found - rise)
        step = jnp.where(is_better, polished, t) * w
        x = jnp.where(is_upper, a + w - step, a + step)
        return x, -jnp.where(is_better, polished_log_slope, log_slope)

    # Selecting bins again costs less than keeping every knot for the backward pass.
    return _with_tails(size, jax.checkpoint(forward), inverse, bound)


def _with_tails(
    size: int,
    forward: Direction,
    inverse: Direction,
    bound: float,
) -> Elementwise:
    """The identity outside the interval, where the spline is given 0 instead."""

    def tailed(function: Direction) -> Callable:
        def apply(raw: Parameters, x: Values) -> Mapped:
            inside = jnp.abs(x) < bound
            y, log_slope = function(raw, jnp.where(inside, x, 0.0))
            return jnp.where(inside, y, x), jnp.where(inside, log_slope, 0.0)

        return apply

    return Elementwise(size, tailed(forward), tailed(inverse))


def _places(logits: Array, bound: float) -> Array:
    """Knots `[bins + 1, *shape]` from -bound to bound, no two closer than SMALLEST."""
    bins = len(logits)
    shares = SMALLEST + (1 - SMALLEST * bins) * jax.nn.softmax(logits, axis=0)
    return _cumulative(2 * bound * shares, bound)


def _even(logits: Array, bound: float) -> Array:
    ticks = jnp.linspace(-bound, bound, len(logits) + 1)
    shape = (len(logits) + 1, *logits.shape[1:])
    return jnp.broadcast_to(ticks.reshape(-1, *[1] * (logits.ndim - 1)), shape)


def _cumulative(steps: Array, bound: float) -> Array:
    """Sums up steps from -bound; the last knot is bound to the last digit."""
    ends = jnp.full_like(steps[:1], bound)
    inner = [-ends[0]]
    for step in steps[:-1]:
        inner.append(inner[-1] + step)
    return jnp.concatenate([jnp.stack(inner), ends])


def _steps(knots: Array) -> Array:
    return knots[1:] - knots[:-1]


def _at(x: Values, knots: Array, *values: Array) -> tuple[Array, ...]:
    """Each of the values `[bins, *shape]` in the bin that holds x."""
    chosen = [value[0] for value in values]
    for k in range(1, len(knots) - 1):
        right = x >= knots[k]
        chosen = [
            jnp.where(right, value[k], current)
            for value, current in zip(values, chosen, strict=True)
        ]
    return tuple(chosen)


def _check(name: str, bins: int, bound: float) -> None:
    if bins < 1:
        raise InputError(f"{name}: bins must be at least 1, got {bins}.")
    if bins * SMALLEST >= 0.5:
        raise InputError(f"{name}: at most {int(0.5 / SMALLEST) - 1} bins, got {bins}.")
    if not bound > 0:
        raise InputError(f"{name}: bound must be positive, got {bound}.")
