"""What is added to the discriminator's loss to keep it smooth."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Event, Key, PerExample, Scalar

Critic = Callable[[Event], PerExample]
Penalty = Callable[[Critic, Event, Event, Key], Scalar]
"""`(critic, real, fake, key) -> scalar`, where `critic` maps examples to logits."""


def r1(gamma: float) -> Penalty:
    """Penalises the discriminator's gradient on real data.

        R1 = gamma / 2 E_x ||dD(x) / dx||^2

    The squared norm is that of each example by itself. With it the Dirac-GAN converges,
    where the plain GAN circles.

    Args:
        gamma: the weight, of which a half is applied.

    Raises:
        InputError: `gamma` is negative.

    Source: Mescheder, Geiger and Nowozin, 2018, arXiv:1801.04406.

    >>> penalty = r1(2.0)
    >>> linear = lambda x: x @ jnp.array([3.0, 4.0])
    >>> x = jnp.ones((5, 2))
    >>> float(penalty(linear, x, x, jax.random.key(0)))
    25.0
    """
    _check("r1", "gamma", gamma)

    def penalty(critic: Critic, real: Event, fake: Event, key: Key) -> Scalar:
        del fake, key
        return 0.5 * gamma * jnp.mean(_squared_slopes(critic, real))

    return penalty


def r2(gamma: float) -> Penalty:
    """Penalises the discriminator's gradient on fakes.

        R2 = gamma / 2 E_z ||dD(G(z)) / dx||^2

    Args:
        gamma: the weight, of which a half is applied.

    Raises:
        InputError: `gamma` is negative.

    Source: Mescheder, Geiger and Nowozin, 2018, arXiv:1801.04406.
    """
    _check("r2", "gamma", gamma)

    def penalty(critic: Critic, real: Event, fake: Event, key: Key) -> Scalar:
        del real, key
        return 0.5 * gamma * jnp.mean(_squared_slopes(critic, fake))

    return penalty


def gradient_penalty(weight: float) -> Penalty:
    """Pulls the critic's slope to 1 between data and fakes: WGAN-GP.

        GP = weight E (||dD(x) / dx|| - 1)^2,   x = e x_real + (1 - e) x_fake

    Each pair has an `e`, uniform in [0, 1], and each example a norm, of its own.

    Args:
        weight: 10 in the paper.

    Raises:
        InputError: `weight` is negative.

    Source: Gulrajani et al., 2017, arXiv:1704.00028.

    >>> linear = lambda x: x @ jnp.array([3.0, 4.0])
    >>> x = jnp.ones((5, 2))
    >>> float(gradient_penalty(1.0)(linear, x, x, jax.random.key(0)))
    16.0
    """
    _check("gradient_penalty", "weight", weight)

    def penalty(critic: Critic, real: Event, fake: Event, key: Key) -> Scalar:
        share = jax.random.uniform(key, (len(real), *[1] * (real.ndim - 1)))
        between = share * real + (1 - share) * fake
        return weight * jnp.mean((_slopes(critic, between) - 1) ** 2)

    return penalty


def dragan(weight: float, *, spread: float = 0.5) -> Penalty:
    """Pulls the discriminator's slope to 1 around the data.

        weight E (||dD(x) / dx|| - 1)^2,   x = x_real + spread sd(x_real) u

    `u` is uniform in [0, 1] for each number, and `sd` the deviation over the batch.

    Args:
        weight: 10 in the paper.
        spread: of the noise, in standard deviations of the whole batch.

    Raises:
        InputError: `weight` or `spread` is negative.

    Source: Kodali et al., 2017, arXiv:1705.07215.
    """
    _check("dragan", "weight", weight)
    _check("dragan", "spread", spread)

    def penalty(critic: Critic, real: Event, fake: Event, key: Key) -> Scalar:
        del fake
        near = real + spread * jnp.std(real) * jax.random.uniform(key, real.shape)
        return weight * jnp.mean((_slopes(critic, near) - 1) ** 2)

    return penalty


def _squared_slopes(critic: Critic, x: Event) -> PerExample:
    gradient = jax.grad(lambda x: jnp.sum(critic(x)))(x.astype(jnp.float32))
    return jnp.sum(gradient**2, axis=tuple(range(1, x.ndim)))


def _slopes(critic: Critic, x: Event) -> PerExample:
    """Norms, with a gradient of 0 where they are 0."""
    squares = _squared_slopes(critic, x)
    is_flat = squares == 0
    return jnp.where(is_flat, 0.0, jnp.sqrt(jnp.where(is_flat, 1.0, squares)))


def _check(user: str, name: str, value: float) -> None:
    if value < 0:
        raise InputError(f"{user}: {name} must not be negative, got {value}.")
