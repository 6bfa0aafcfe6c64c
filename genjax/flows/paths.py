"""Paths from noise to data, the laws of the times on them, and who is paired with whom.

Time 0 is noise, time 1 is data.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from genjax.errors import InputError
from genjax.typing import Array, Event, Key, PerExample

Path = Callable[[Event, Event, PerExample], tuple[Event, Event]]
"""`(noise, data, t) -> (point, velocity)`."""

Times = Callable[[Key, int], PerExample]
"""`(key, b) -> [b]` times in [0, 1]."""


def linear_path(noise: Event, data: Event, t: PerExample) -> tuple[Event, Event]:
    """The straight line from noise to data, at constant speed.

        x_t = (1 - t) x_0 + t x_1,   velocity = x_1 - x_0

    >>> noise, data = jnp.zeros((1, 2)), jnp.full((1, 2), 4.0)
    >>> linear_path(noise, data, jnp.array([0.25]))[0].tolist()
    [[1.0, 1.0]]
    """
    t = t.reshape(-1, *[1] * (data.ndim - 1))
    return (1 - t) * noise + t * data, data - noise


def uniform_times() -> Times:
    """Times uniform over [0, 1)."""
    return lambda key, n: jax.random.uniform(key, (n,))


def logit_normal_times(*, mean: float = 0.0, scale: float = 1.0) -> Times:
    """Times whose logit is normal: dense in the middle, where the task is hard.

        t = sigmoid(mean + scale n),   n ~ N(0, 1)

    Args:
        mean: above 0, more times near the data.
        scale: the standard deviation.

    Raises:
        InputError: `scale` is not positive.

    Source: Esser et al., 2024, arXiv:2403.03206.
    """
    if scale <= 0:
        raise InputError(f"logit_normal_times: scale must be positive, got {scale}.")
    return lambda key, n: jax.nn.sigmoid(mean + scale * jax.random.normal(key, (n,)))


def u_shaped_times(*, sharpness: float = 4.0) -> Times:
    """Times dense at both ends, where reflowed velocities still bend.

        p(t) ~ cosh(a (t - 1/2))

    Args:
        sharpness: a; near 0 the times are uniform.

    Raises:
        InputError: `sharpness` is not positive.

    Source: Lee, Lin and Fanti, 2024, arXiv:2405.20320.
    """
    if sharpness <= 0:
        raise InputError(f"u_shaped_times: sharpness must be positive, got {sharpness}")

    def draw(key: Key, n: int) -> PerExample:
        # The distribution function is 1/2 + sinh(a (t - 1/2)) / (2 sinh(a / 2)).
        u = 2 * jax.random.uniform(key, (n,)) - 1
        t = 0.5 + jnp.arcsinh(u * math.sinh(sharpness / 2)) / sharpness
        return jnp.clip(t, 0.0, 1.0)

    return draw


def mode_times(*, scale: float = 1.29) -> Times:
    """The mode-weighted times of Stable Diffusion 3.

        t = 1 - u - s (cos^2(pi u / 2) - 1 + u),   u ~ U[0, 1)

    Args:
        scale: s; above 0, more times in the middle, below 0, at the ends.

    Raises:
        InputError: `scale` is outside [-1, 2 / (pi - 2)], where t is monotone in u.

    Source: Esser et al., 2024, arXiv:2403.03206.
    """
    highest = 2 / (math.pi - 2)
    if not -1 <= scale <= highest:
        raise InputError(
            f"mode_times: scale must be between -1 and {highest:.3f}, got {scale}."
        )

    def draw(key: Key, n: int) -> PerExample:
        u = jax.random.uniform(key, (n,))
        return 1 - u - scale * (jnp.cos(jnp.pi * u / 2) ** 2 - 1 + u)

    return draw


def scheduled_path(
    data_share: Callable[[Array], Array], noise_share: Callable[[Array], Array]
) -> Path:
    """The path of two schedules, and its velocity by their derivatives.

        x_t = a(t) x_1 + b(t) x_0,   velocity = a'(t) x_1 + b'(t) x_0

    Args:
        data_share: a, from 0 at time 0 to 1 at time 1.
        noise_share: b, from 1 to 0.

    Source: Lipman et al., 2022, arXiv:2210.02747.

    >>> path = scheduled_path(lambda t: t, lambda t: 1 - t)
    >>> point, v = path(jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.array([0.25]))
    >>> point.tolist(), v.tolist()
    ([[0.25]], [[1.0]])
    """

    def path(noise: Event, data: Event, t: PerExample) -> tuple[Event, Event]:
        def spread(values: Array) -> Array:
            return values.reshape(-1, *[1] * (data.ndim - 1))

        a, da = jax.jvp(data_share, (t,), (jnp.ones_like(t),))
        b, db = jax.jvp(noise_share, (t,), (jnp.ones_like(t),))
        point = spread(a) * data + spread(b) * noise
        return point, spread(da) * data + spread(db) * noise

    return path


def cosine_path() -> Path:
    """The arc `x_t = sin(pi t / 2) x_1 + cos(pi t / 2) x_0`.

    Source: Albergo and Vanden-Eijnden, 2022, arXiv:2209.15571.

    >>> cosine_path()(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))[0].tolist()
    [[1.0]]
    """
    return scheduled_path(
        lambda t: jnp.sin(jnp.pi * t / 2), lambda t: jnp.cos(jnp.pi * t / 2)
    )


def variance_preserving_path(*, lowest: float = 0.1, highest: float = 20.0) -> Path:
    """The path of the variance-preserving diffusion with a linear rate of noise.

        a(t) = exp(-(1/4) s^2 (highest - lowest) - (1/2) s lowest),   s = 1 - t,
        b(t) = sqrt(1 - a(t)^2)

    At time 0 a little of the data is left: a(0) = .007 at the defaults.

    Args:
        lowest: the rate at the data.
        highest: the rate at the noise.

    Raises:
        InputError: not 0 < lowest < highest.

    Source: Song et al., 2021, arXiv:2011.13456.

    >>> path = variance_preserving_path()
    >>> path(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.array([0.5]))[0].shape
    (1, 1)
    """
    if not 0 < lowest < highest:
        raise InputError(
            "variance_preserving_path: lowest and highest must increase from above 0, "
            f"got {lowest} and {highest}."
        )

    def log_share(t: Array) -> Array:
        s = 1 - t
        return -0.25 * s**2 * (highest - lowest) - 0.5 * s * lowest

    def noise_share(t: Array) -> Array:
        # At the data itself the root has no slope.
        return jnp.sqrt(jnp.maximum(-jnp.expm1(2 * log_share(t)), 1e-6))

    return scheduled_path(lambda t: jnp.exp(log_share(t)), noise_share)


def polynomial_path(*, exponent: float) -> Path:
    """The straight line at a speed of its own: `x_t = t^n x_1 + (1 - t^n) x_0`.

    Args:
        exponent: n; 1 is the linear path.

    Raises:
        InputError: `exponent` is below 1.

    Source: Lipman et al., 2024, arXiv:2412.06264.

    >>> path = polynomial_path(exponent=2.0)
    >>> path(jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.array([0.5]))[0].tolist()
    [[0.25]]
    """
    if exponent < 1:
        raise InputError(
            f"polynomial_path: exponent must be at least 1, got {exponent}."
        )
    return scheduled_path(lambda t: t**exponent, lambda t: 1 - t**exponent)


def optimal_pairs(noise: Event, data: Event) -> Event:
    """Reorders noise so that the pairs of a batch are close: minibatch transport.

        argmin over permutations of sum_i |noise_p(i) - data_i|^2

    Straighter paths with less variance, at the cost of an assignment of O(b^3).

    Args:
        noise: `[b, *event]`.
        data: `[b, *event]`.

    Returns:
        The noise, each row for the row of data beside it.

    Source: Tong et al., 2023, arXiv:2302.00482; Pooladian et al., 2023,
    arXiv:2304.14772.

    >>> optimal_pairs(jnp.array([[0.0], [5.0]]), jnp.array([[6.0], [1.0]])).tolist()
    [[5.0], [0.0]]
    """
    x, y = noise.reshape(len(noise), -1), data.reshape(len(data), -1)
    # Means change no assignment, and would cancel in the squares.
    x, y = x - x.mean(axis=0, keepdims=True), y - y.mean(axis=0, keepdims=True)
    cost = jnp.sum(y**2, 1)[:, None] - 2 * y @ x.T + jnp.sum(x**2, 1)[None]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows, columns = optax.assignment.hungarian_algorithm(cost)
    return noise[jnp.zeros_like(columns).at[rows].set(columns)]
