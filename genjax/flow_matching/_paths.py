"""Paths from noise to data. Time 0 is noise, time 1 is data."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Event, PerExample

Path = Callable[[Event, Event, PerExample], tuple[Event, Event]]
"""`(noise [b, *event], data [b, *event], t [b]) -> (point, velocity)`."""


def linear_path() -> Path:
    """The straight line from noise to data, at constant speed.

        x_t = (1 - t) x_0 + t x_1,   velocity = x_1 - x_0

    Returns:
        A path `(noise, data, t [b]) -> (point, velocity)`.

    Source: Liu, Gong and Liu, 2022, arXiv:2209.03003.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import linear_path
    >>> noise, data = jnp.zeros((1, 2)), jnp.full((1, 2), 4.0)
    >>> linear_path()(noise, data, jnp.array([0.25]))[0].tolist()
    [[1.0, 1.0]]
    """
    return scheduled_path(lambda t: t, lambda t: 1 - t)


def scheduled_path(
    data_share: Callable[[Array], Array], noise_share: Callable[[Array], Array]
) -> Path:
    """The path of two schedules, and its velocity by their derivatives.

        x_t = a(t) x_1 + b(t) x_0,   velocity = a'(t) x_1 + b'(t) x_0

    Args:
        data_share: a, from 0 at time 0 to 1 at time 1.
        noise_share: b, from 1 to 0.

    Source: Lipman et al., 2022, arXiv:2210.02747.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import scheduled_path
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

    It takes noise and data `[b, *event]` and times `[b]`.

    Source: Albergo and Vanden-Eijnden, 2022, arXiv:2209.15571.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import cosine_path
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

    It takes noise and data `[b, *event]` and times `[b]`.

    Args:
        lowest: the rate at the data.
        highest: the rate at the noise.

    Raises:
        InputError: not 0 < lowest < highest.

    Source: Song et al., 2021, arXiv:2011.13456.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import variance_preserving_path
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

    It takes noise and data `[b, *event]` and times `[b]`.

    Args:
        exponent: n; 1 is the linear path.

    Raises:
        InputError: `exponent` is below 1.

    Source: Lipman et al., 2024, arXiv:2412.06264.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import polynomial_path
    >>> path = polynomial_path(exponent=2.0)
    >>> path(jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.array([0.5]))[0].tolist()
    [[0.25]]
    """
    if exponent < 1:
        raise InputError(
            f"polynomial_path: exponent must be at least 1, got {exponent}."
        )
    return scheduled_path(lambda t: t**exponent, lambda t: 1 - t**exponent)
