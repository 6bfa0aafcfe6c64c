"""Laws of the times at which a velocity is learnt."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Key, PerExample

Times = Callable[[Key, int], PerExample]
"""`(key, b) -> [b]` times in [0, 1]."""


def uniform_times() -> Times:
    """Times uniform over [0, 1).

    It draws `[b]` times.

    Source: Lipman et al., 2023, arXiv:2210.02747.

    >>> import jax
    >>> from genjax.flow_matching import uniform_times
    >>> uniform_times()(jax.random.key(0), 3).shape
    (3,)
    """
    return lambda key, n: jax.random.uniform(key, (n,))


def logit_normal_times(*, mean: float = 0.0, scale: float = 1.0) -> Times:
    """Times whose logit is normal: dense in the middle, where the task is hard.

        t = sigmoid(mean + scale n),   n ~ N(0, 1)

    It draws `[b]` times.

    Args:
        mean: above 0, more times near the data.
        scale: the standard deviation.

    Raises:
        InputError: `scale` is not positive.

    Source: Esser et al., 2024, arXiv:2403.03206.

    >>> import jax
    >>> from genjax.flow_matching import logit_normal_times
    >>> logit_normal_times(mean=1.0)(jax.random.key(0), 3).shape
    (3,)
    """
    if scale <= 0:
        raise InputError(f"logit_normal_times: scale must be positive, got {scale}.")
    return lambda key, n: jax.nn.sigmoid(mean + scale * jax.random.normal(key, (n,)))


def u_shaped_times(*, sharpness: float = 4.0) -> Times:
    """Times dense at both ends, where reflowed velocities still bend.

        p(t) ~ cosh(a (t - 1/2))

    It draws `[b]` times.

    Args:
        sharpness: a; near 0 the times are uniform.

    Raises:
        InputError: `sharpness` is not positive.

    Source: Lee, Lin and Fanti, 2024, arXiv:2405.20320.

    >>> import jax
    >>> from genjax.flow_matching import u_shaped_times
    >>> u_shaped_times(sharpness=4.0)(jax.random.key(0), 3).shape
    (3,)
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

    >>> import jax
    >>> from genjax.flow_matching import mode_times
    >>> mode_times(scale=0.0)(jax.random.key(0), 3).shape
    (3,)
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
