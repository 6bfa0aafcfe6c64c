"""The GAN of any f-divergence."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.gan._losses import AdversarialLoss
from genjax.typing import Array


class Divergence(NamedTuple):
    """An f-divergence `D(p, q) = E_q f(p / q)`, as a GAN needs it.

    A network's output `l` becomes a value of f's conjugate by `T = g(l)`.

    Fields:
        output: `g`.
        conjugate: `l -> f*(g(l))`, in a form of its own that loses no digits.
    """

    output: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]


def kullback_leibler() -> Divergence:
    """`KL(p, q)`: f(u) = u log u, T = l.

    Logits `l` and `T` are `[b]`.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import kullback_leibler
    >>> kullback_leibler().conjugate(jnp.ones(2)).round(3).tolist()
    [1.0, 1.0]
    """
    return Divergence(lambda logit: logit, lambda logit: jnp.exp(logit - 1))


def reverse_kullback_leibler() -> Divergence:
    """`KL(q, p)`: f(u) = -log u, T = -exp(-l).

    Logits `l` and `T` are `[b]`.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import reverse_kullback_leibler
    >>> reverse_kullback_leibler().output(jnp.zeros(2)).round(3).tolist()
    [-1.0, -1.0]
    """
    return Divergence(lambda logit: -jnp.exp(-logit), lambda logit: logit - 1)


def pearson() -> Divergence:
    """Pearson's chi-square: f(u) = (u - 1)^2, T = l.

    Logits `l` and `T` are `[b]`.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import pearson
    >>> pearson().conjugate(jnp.ones(2)).round(3).tolist()
    [1.25, 1.25]
    """
    return Divergence(lambda logit: logit, lambda logit: logit + logit**2 / 4)


def squared_hellinger() -> Divergence:
    """The squared Hellinger distance: f(u) = (sqrt(u) - 1)^2, T = 1 - exp(-l).

    Logits `l` and `T` are `[b]`.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import squared_hellinger
    >>> squared_hellinger().output(jnp.zeros(2)).round(3).tolist()
    [0.0, 0.0]
    """
    return Divergence(lambda logit: -jnp.expm1(-logit), jnp.expm1)


def jensen_shannon() -> Divergence:
    """Twice the Jensen-Shannon divergence: T = log 2 - softplus(-l).

    Logits `l` and `T` are `[b]`.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import jensen_shannon
    >>> jensen_shannon().output(jnp.zeros(2)).round(3).tolist()
    [0.0, 0.0]
    """
    log_2 = math.log(2)
    return Divergence(
        lambda logit: log_2 - jax.nn.softplus(-logit),
        lambda logit: jax.nn.softplus(logit) - log_2,
    )


def gan_divergence() -> Divergence:
    """The original GAN's, `2 JS(p, q) - log 4`: T = -softplus(-l).

    Logits `l` and `T` are `[b]`.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import gan_divergence
    >>> gan_divergence().output(jnp.zeros(2)).round(3).tolist()
    [-0.693, -0.693]
    """
    return Divergence(lambda logit: -jax.nn.softplus(-logit), jax.nn.softplus)


def f_gan(divergence: Divergence) -> AdversarialLoss:
    """The variational bound of an f-divergence, which D raises and G lowers.

        L_D = -(E g(l_real) - E f*(g(l_fake))),   L_G = -E f*(g(l_fake))

    It is tight where `T = f'(p / q)`: then `-L_D` is the divergence of the data p from
    the fakes q.

    The logits are `[b]`, each loss is a scalar.

    Args:
        divergence: `kullback_leibler()`, `reverse_kullback_leibler()`, `pearson()`,
            `squared_hellinger()`, `jensen_shannon()`, `gan_divergence()`, or another.

    Raises:
        InputError: `divergence` is something else.

    Source: Nowozin, Cseke and Tomioka, 2016, arXiv:1606.00709.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import f_gan, gan_divergence
    >>> loss = f_gan(gan_divergence())
    >>> loss.discriminator(jnp.zeros(3), jnp.zeros(3)).round(4).item()
    1.3863
    """
    if not isinstance(divergence, Divergence):
        raise InputError(
            "f_gan: divergence must be a Divergence such as pearson(), got "
            f"{divergence!r}."
        )

    def generator(real: Array, fake: Array) -> Array:
        del real
        return -jnp.mean(divergence.conjugate(fake))

    def discriminator(real: Array, fake: Array) -> Array:
        value = jnp.mean(divergence.output(real))
        return jnp.mean(divergence.conjugate(fake)) - value

    return AdversarialLoss(generator, discriminator)
