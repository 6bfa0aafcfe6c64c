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

    The logits are `[b]`, each loss is a scalar.

    Source: Goodfellow et al., 2014, arXiv:1406.2661.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import non_saturating
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

    The logits are `[b]`, each loss is a scalar.

    Source: Goodfellow et al., 2014, arXiv:1406.2661.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import saturating
    >>> saturating().generator(jnp.zeros(3), jnp.zeros(3)).round(4).item()
    -0.6931
    """

    def generator(real: Array, fake: Array) -> Array:
        del real
        return -jnp.mean(jax.nn.softplus(fake))

    return AdversarialLoss(generator, _cross_entropy)


def least_squares(
    *, fake: float = 0.0, real: float = 1.0, wanted: float = 1.0
) -> AdversarialLoss:
    """Least squares instead of cross-entropy: LSGAN.

        L_D = 1/2 E (l_real - b)^2 + 1/2 E (l_fake - a)^2,   L_G = 1/2 E (l_fake - c)^2

    With `(a, b, c) = (-1, 1, 0)`, the double of L_G and `1/2 E (l_real - c)^2`, which
    has no gradient in G, is Pearson's chi-square of `p + q` and `2 q` at the best D.

    The logits are `[b]`, each loss is a scalar.

    Args:
        fake: the label a of the fakes.
        real: the label b of the data.
        wanted: the label c that the generator wants its fakes to have.

    Source: Mao et al., 2017, arXiv:1611.04076.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import least_squares
    >>> least_squares().generator(jnp.zeros(3), jnp.zeros(3)).item()
    0.5
    """

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        del real_logits
        return 0.5 * jnp.mean((fake_logits - wanted) ** 2)

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        of_real = jnp.mean((real_logits - real) ** 2)
        return 0.5 * (of_real + jnp.mean((fake_logits - fake) ** 2))

    return AdversarialLoss(generator, discriminator)


def hinge() -> AdversarialLoss:
    """The hinge loss: what is told apart by a margin of 1 counts no more.

        L_D = E max(0, 1 - l_real) + E max(0, 1 + l_fake),   L_G = -E l_fake

    The best D is `sign(p - q)`, where `L_D = 2 - 2 TV(p, q)`.

    The logits are `[b]`, each loss is a scalar.

    Source: Lim and Ye, 2017, arXiv:1705.02894; Miyato et al., 2018, arXiv:1802.05957.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import hinge
    >>> hinge().discriminator(jnp.zeros(3), jnp.zeros(3)).item()
    2.0
    """

    def discriminator(real: Array, fake: Array) -> Array:
        return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + fake))

    return AdversarialLoss(_minus_mean_of_fakes, discriminator)


def wasserstein() -> AdversarialLoss:
    """The dual of the earth mover's distance, for critics of Lipschitz constant 1.

        L_D = E l_fake - E l_real,   L_G = -E l_fake

    The bound on the slope comes from elsewhere: a `gradient_penalty`, clipped weights
    or a `LipschitzMLP`.

    The logits are `[b]`, each loss is a scalar.

    Source: Arjovsky, Chintala and Bottou, 2017, arXiv:1701.07875.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import wasserstein
    >>> wasserstein().discriminator(jnp.ones(3), jnp.zeros(3)).item()
    -1.0
    """

    def discriminator(real: Array, fake: Array) -> Array:
        return jnp.mean(fake) - jnp.mean(real)

    return AdversarialLoss(_minus_mean_of_fakes, discriminator)


def relativistic_paired() -> AdversarialLoss:
    """Each fake against one example of the data: RpGAN.

        L_D = E softplus(-(l_real - l_fake)),   L_G = E softplus(-(l_fake - l_real))

    A constant may be added to the logits: the best D is `log p / q` but for that. At a
    constant D both losses are log 2.

    The logits are `[b]`, each loss is a scalar.

    Source: Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2024,
    arXiv:2501.05441, with R1 and R2.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import relativistic_paired
    >>> relativistic_paired().generator(jnp.zeros(3), jnp.zeros(3)).round(4).item()
    0.6931
    """

    def generator(real: Array, fake: Array) -> Array:
        return jnp.mean(jax.nn.softplus(real - fake))

    def discriminator(real: Array, fake: Array) -> Array:
        return jnp.mean(jax.nn.softplus(fake - real))

    return AdversarialLoss(generator, discriminator)


def relativistic_average() -> AdversarialLoss:
    """Each example against the mean of the other kind: RaGAN.

        L_D = E softplus(-(l_real - E l_fake)) + E softplus(l_fake - E l_real)

    The inner means are those of the batch at hand: under `pmap`, each device's own.

    The generator's loss is the same with the kinds exchanged.

    The logits are `[b]`, each loss is a scalar.

    Source: Jolicoeur-Martineau, 2018, arXiv:1807.00734.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import relativistic_average
    >>> loss = relativistic_average()
    >>> loss.discriminator(jnp.zeros(3), jnp.zeros(3)).round(4).item()
    1.3863
    """

    def discriminator(real: Array, fake: Array) -> Array:
        of_real = jax.nn.softplus(jnp.mean(fake) - real)
        of_fake = jax.nn.softplus(fake - jnp.mean(real))
        return jnp.mean(of_real) + jnp.mean(of_fake)

    def generator(real: Array, fake: Array) -> Array:
        return discriminator(fake, real)

    return AdversarialLoss(generator, discriminator)


def softmax_gan() -> AdversarialLoss:
    """A softmax over the whole batch, whose mass D wants on the data, G on all alike.

        L_D = -E l_real + log Z,   L_G = -E l_all + log Z,   log Z = logsumexp l_all

    `Z` is that of the batch at hand: under `pmap`, each device's own.

    The logits are `[b]`, each loss is a scalar.

    Source: Lin, 2017, arXiv:1704.06191.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import softmax_gan
    >>> softmax_gan().generator(jnp.zeros(2), jnp.zeros(2)).round(4).item()
    1.3863
    """

    def discriminator(real: Array, fake: Array) -> Array:
        return jax.nn.logsumexp(jnp.concatenate([real, fake])) - jnp.mean(real)

    def generator(real: Array, fake: Array) -> Array:
        every = jnp.concatenate([real, fake])
        return jax.nn.logsumexp(every) - jnp.mean(every)

    return AdversarialLoss(generator, discriminator)


def _minus_mean_of_fakes(real: Array, fake: Array) -> Array:
    del real
    return -jnp.mean(fake)


def _cross_entropy(real: Array, fake: Array) -> Array:
    return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
