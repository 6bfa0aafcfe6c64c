"""A GAN whose samples keep what a part of the noise says."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from genjax.base import Density, Game, NetworkLike
from genjax.checks import check_is, check_not_negative, check_scaled, read_batch
from genjax.gan._adversarial import RealAndFake, Setting, adversarial, draw_noise
from genjax.gan._augmentation import Augmentation
from genjax.gan._losses import AdversarialLoss
from genjax.gan._penalties import Penalty
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Key, Variables
from genjax.variables import join_changes, join_parts, part_of


def info_gan(
    generator: NetworkLike,
    discriminator: NetworkLike,
    recogniser: Density,
    *,
    loss: AdversarialLoss,
    latent: Density,
    code: Density,
    weight: float = 1.0,
    penalties: Sequence[Penalty] = (),
    augment: Augmentation | None = None,
) -> Game:
    """A GAN that also raises the mutual information of a code and the samples: InfoGAN.

        L_G - w E log q(c | G(z, c)),   I(c; G(z, c)) >= E log q(c | G(z, c)) + H(c)

    Generator and recogniser raise the bound together, and its gradient reaches both.

    Args:
        generator: from noise and code side by side, `[b, latent + code]`, to examples.
        discriminator: from examples to logits.
        recogniser: `q(c | x)`, such as `conditional_one_hot` or `conditional_normal`.
        loss: an adversarial loss.
        latent: the distribution of the noise, `[b, latent]`, without parameters.
        code: that of the code, `[b, code]`, without parameters, such as
            `uniform_one_hot`.
        weight: w, of the information.
        penalties: added to the discriminator's loss.
        augment: of data and fakes alike, before the discriminator alone.

    Returns:
        A game over batches `{"x": [b, *event]}`, whose generator's variables have the
        parts `generator` and `recogniser`, and whose metric `information` is the bound,
        in nats.

    Raises:
        InputError: `weight` is negative, or shapes do not fit.

    Source: Chen et al., 2016, arXiv:1606.03657.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax import densities as d
    >>> from genjax.gan import info_gan, non_saturating
    >>> game = info_gan(
    ...     nn.MLP(features=3, hidden=(8,)), nn.MLP(features=1, hidden=(8,)),
    ...     d.conditional_one_hot(nn.MLP(features=4, hidden=(8,))),
    ...     loss=non_saturating(),
    ...     latent=d.standard_normal((2,)), code=d.uniform_one_hot(4),
    ... )
    >>> sorted(game.init(jax.random.key(0), {"x": jnp.ones((4, 3))})[0]["params"])
    ['generator', 'recogniser']
    """
    check_is("info_gan", Density, recogniser=recogniser)
    check_is("info_gan", Density, latent=latent)
    check_is("info_gan", Density, code=code)
    check_not_negative("info_gan", "weight", weight)

    def noise(batch: Batch, key: Key) -> tuple[Array, Array, Array]:
        """Noise with the code, the code, and its own log-probability."""
        key_z, key_code = jax.random.split(key)
        z = draw_noise(latent, batch, key_z)
        c, log_prob = code.sample({}, key_code, len(batch["x"]))
        return jnp.concatenate([z, c], axis=1), c, log_prob

    network = as_network(generator, user="info_gan")

    def init(key: Key, batch: Batch, /) -> Variables:
        (x,) = read_batch("info_gan", batch, ("x",))
        check_scaled("info_gan", x)
        key_noise, key_generator, key_recogniser = jax.random.split(key, 3)
        z, c, _ = noise(batch, key_noise)
        return join_parts(
            {
                "generator": network.init(key_generator, z),
                "recogniser": recogniser.init(key_recogniser, c, x),
            }
        )

    def generate(variables: Variables, batch: Batch, key: Key) -> RealAndFake:
        key_noise, key_network = jax.random.split(key)
        z, c, log_prob = noise(batch, key_noise)
        own = part_of(variables, "generator")
        fake, changed = network.train(own, key_network, z)
        log_q = recogniser.log_prob(part_of(variables, "recogniser"), c, fake)
        information = jnp.mean(log_q - log_prob)
        return RealAndFake(
            (batch["x"],),
            (fake,),
            join_changes({"generator": changed}),
            {"information": information},
            cost=-weight * information,
        )

    setting = Setting("info_gan", loss, penalties, augment)
    return adversarial(init, generate, discriminator, setting)
