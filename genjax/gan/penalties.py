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
    if gamma < 0:
        raise InputError(f"r1: gamma must not be negative, got {gamma}.")

    def penalty(critic: Critic, real: Event, fake: Event, key: Key) -> Scalar:
        del fake, key
        real = real.astype(jnp.float32)
        gradient = jax.grad(lambda x: jnp.sum(critic(x)))(real)
        return 0.5 * gamma * jnp.sum(gradient**2) / len(real)

    return penalty
