"""Adversarial losses: pure functions of logits, in forms that never overflow.

A logit `l` is the discriminator's `log D / (1 - D)`: positive for what it takes as
data.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.typing import Array


class AdversarialLoss(NamedTuple):
    """What the two players of a GAN minimise, as functions of the logits.

    Fields:
        generator: `(real_logits [b], fake_logits [b]) -> scalar`.
        discriminator: `(real_logits [b], fake_logits [b]) -> scalar`.
    """

    generator: Callable[[Array, Array], Array]
    discriminator: Callable[[Array, Array], Array]


def non_saturating() -> AdversarialLoss:
    """The loss of nearly all GANs in use: the generator maximises `log D(fake)`.

        L_D = E softplus(-l_real) + E softplus(l_fake),   L_G = E softplus(-l_fake)

    The gradient of L_G in a logit is `-sigmoid(-l)`: strong where the fakes are found
    out. At an optimal D it is that of `KL(q, p) - 2 JS(p, q)`.

    Source: Goodfellow et al., 2014, arXiv:1406.2661.

    >>> loss = non_saturating()
    >>> loss.discriminator(jnp.zeros(3), jnp.zeros(3)).round(4).item()
    1.3863
    """

    def generator(real: Array, fake: Array) -> Array:
        del real
        return jnp.mean(jax.nn.softplus(-fake))

    return AdversarialLoss(generator, _cross_entropy)


def saturating() -> AdversarialLoss:
    """The original minimax loss: the generator minimises `log (1 - D(fake))`.

        L_D = E softplus(-l_real) + E softplus(l_fake),   L_G = -E softplus(l_fake)

    The gradient of L_G in a logit is `-sigmoid(l)`: it vanishes where the fakes are
    found out. At an optimal D it is that of `2 JS(p, q)`.

    Source: Goodfellow et al., 2014, arXiv:1406.2661.

    >>> saturating().generator(jnp.zeros(3), jnp.zeros(3)).round(4).item()
    -0.6931
    """

    def generator(real: Array, fake: Array) -> Array:
        del real
        return -jnp.mean(jax.nn.softplus(fake))

    return AdversarialLoss(generator, _cross_entropy)


def _cross_entropy(real: Array, fake: Array) -> Array:
    return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
