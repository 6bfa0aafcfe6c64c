"""Games with an encoder: what is judged are pairs of examples and codes, or codes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import BatchInit, Density, Game, NetworkLike
from genjax.checks import check_is, check_not_negative, check_scaled, read_batch
from genjax.errors import InputError
from genjax.gan._adversarial import (
    Generate,
    RealAndFake,
    Setting,
    adversarial,
    draw_noise,
)
from genjax.gan._losses import AdversarialLoss
from genjax.gan._penalties import Penalty
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Key, Variables
from genjax.variables import join_changes, join_parts, part_of


def bigan(
    generator: NetworkLike,
    discriminator: NetworkLike,
    encoder: NetworkLike,
    *,
    loss: AdversarialLoss,
    latent: Density,
    penalties: Sequence[Penalty] = (),
) -> Game:
    """A GAN of pairs: `(x, E(x))` against `(G(z), z)`.

    Where both pairs have one distribution, E inverts G. Generator and encoder minimise
    the discriminator's loss with data and fakes exchanged; the generator's own form of
    the loss is not used.

    Args:
        generator: from noise to examples.
        discriminator: from examples and noise to logits, such as `nn.Joint`.
        encoder: from examples to noise.
        loss: an adversarial loss.
        latent: the distribution of the noise.
        penalties: added to the discriminator's loss; their slopes are those in both
            inputs.

    Returns:
        A game over batches `{"x": [b, *event]}`, whose generator's variables have the
        parts `generator` and `encoder`.

    Raises:
        InputError: fakes or codes have another shape than data and noise.

    Source: Donahue, Krähenbühl and Darrell, 2017, arXiv:1605.09782.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import bigan, non_saturating
    >>> generator, encoder = (nn.MLP(features=n, hidden=(8,)) for n in (3, 2))
    >>> game = bigan(
    ...     generator, nn.Joint(nn.MLP(features=1, hidden=(8,))), encoder,
    ...     loss=non_saturating(), latent=standard_normal((2,)),
    ... )
    >>> sorted(game.init(jax.random.key(0), {"x": jnp.ones((4, 3))})[0]["params"])
    ['encoder', 'generator']
    """
    check_is("bigan", Density, latent=latent)
    samplers = _of_network("bigan", generator), _of_network("bigan", encoder)
    return _of_pairs("bigan", *samplers, discriminator, loss, latent, penalties)


def ali(
    decoder: Density,
    discriminator: NetworkLike,
    encoder: Density,
    *,
    loss: AdversarialLoss,
    latent: Density,
    penalties: Sequence[Penalty] = (),
) -> Game:
    """Adversarially learned inference: a BiGAN of stochastic decoder and encoder.

        (x, z ~ q(z | x)) against (x ~ p(x | z), z)

    Args:
        decoder: `p(x | z)`, whose samples have a gradient, such as
            `conditional_normal`.
        discriminator: from examples and noise to logits, such as `nn.Joint`.
        encoder: `q(z | x)`, likewise.
        loss: an adversarial loss.
        latent: the distribution of the noise.
        penalties: added to the discriminator's loss.

    Returns:
        A game over batches `{"x": [b, *event]}`, whose generator's variables have the
        parts `generator` and `encoder`.

    Source: Dumoulin et al., 2017, arXiv:1606.00704.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> from genjax.gan import ali, non_saturating
    >>> def density(features):
    ...     return conditional_normal(nn.MLP(features=features, hidden=(8,)), scale=0.1)
    >>> game = ali(
    ...     density(3), nn.Joint(nn.MLP(features=1, hidden=(8,))), density(2),
    ...     loss=non_saturating(), latent=standard_normal((2,)),
    ... )
    >>> sorted(game.init(jax.random.key(0), {"x": jnp.ones((4, 3))})[0]["params"])
    ['encoder', 'generator']
    """
    check_is("ali", Density, decoder=decoder)
    check_is("ali", Density, encoder=encoder)
    check_is("ali", Density, latent=latent)
    samplers = _of_density(decoder), _of_density(encoder)
    return _of_pairs("ali", *samplers, discriminator, loss, latent, penalties)


def veegan(
    generator: NetworkLike,
    discriminator: NetworkLike,
    reconstructor: NetworkLike,
    *,
    loss: AdversarialLoss,
    latent: Density,
    weight: float = 1.0,
    penalties: Sequence[Penalty] = (),
) -> Game:
    """A GAN of pairs whose encoder learns to reconstruct the noise: VEEGAN.

        (x, F(x)) against (G(z), z);   L_G + w E |z - F(G(z))|^2

    A generator that drops modes leaves F without a way back to the noise. F learns from
    the reconstruction alone; the squared distance is a sum over the latent dimensions.

    Args:
        generator: from noise to examples.
        discriminator: from examples and noise to logits, such as `nn.Joint`.
        reconstructor: F, from examples to noise.
        loss: an adversarial loss.
        latent: the distribution of the noise.
        weight: w, of the reconstruction.
        penalties: added to the discriminator's loss.

    Returns:
        A game over batches `{"x": [b, *event]}`, whose generator's variables have the
        parts `generator` and `encoder`.

    Raises:
        InputError: `weight` is negative, or shapes do not fit.

    Source: Srivastava et al., 2017, arXiv:1705.07761.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import non_saturating, veegan
    >>> generator, reconstructor = (nn.MLP(features=n, hidden=(8,)) for n in (3, 2))
    >>> game = veegan(
    ...     generator, nn.Joint(nn.MLP(features=1, hidden=(8,))), reconstructor,
    ...     loss=non_saturating(), latent=standard_normal((2,)),
    ... )
    >>> sorted(game.init(jax.random.key(0), {"x": jnp.ones((4, 3))})[0]["params"])
    ['encoder', 'generator']
    """
    check_is("veegan", Density, latent=latent)
    check_not_negative("veegan", "weight", weight)
    samplers = _of_network("veegan", generator), _of_network("veegan", reconstructor)
    init, generate = _pairs("veegan", *samplers, latent)

    def with_reconstruction(
        variables: Variables, batch: Batch, key: Key
    ) -> RealAndFake:
        key_pair, key_back = jax.random.split(key)
        pair = generate(variables, batch, key_pair)
        fake, z = pair.fake
        back, _ = samplers[1].draw(part_of(variables, "encoder"), fake, key_back)
        if back.shape != z.shape:
            raise InputError(
                f"veegan: the reconstructor must return the shape {z.shape} of the "
                f"noise, got {back.shape}."
            )
        axes = tuple(range(1, z.ndim))
        error = jnp.mean(jnp.sum((z - back) ** 2, axis=axes))
        x, code = pair.real
        return pair._replace(
            real=(x, jax.lax.stop_gradient(code)),
            cost=weight * error,
            metrics={"reconstruction": error},
        )

    setting = Setting("veegan", loss, penalties, inputs=("examples", "codes"))
    return adversarial(init, with_reconstruction, discriminator, setting)


def adversarial_autoencoder(
    encoder: Density,
    discriminator: NetworkLike,
    decoder: Density,
    *,
    loss: AdversarialLoss,
    prior: Density,
    weight: float = 1.0,
    penalties: Sequence[Penalty] = (),
) -> Game:
    """An autoencoder whose codes are made to follow a prior by a discriminator: AAE.

        E -log p(x | z) + w L_G,   z ~ q(z | x) against z ~ prior

    Args:
        encoder: `q(z | x)`, whose samples have a gradient, such as
            `conditional_normal`.
        discriminator: from codes to logits.
        decoder: `p(x | z)`, with a log-probability.
        loss: an adversarial loss.
        prior: of the codes, without parameters.
        weight: w, of the adversarial loss against the reconstruction in nats.
        penalties: added to the discriminator's loss.

    Returns:
        A game over batches `{"x": [b, *event]}`, whose generator's variables have the
        parts `encoder` and `decoder`.

    Raises:
        InputError: `weight` is negative, or shapes do not fit.

    Source: Makhzani et al., 2016, arXiv:1511.05644.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> from genjax.gan import adversarial_autoencoder, non_saturating
    >>> def density(features):
    ...     return conditional_normal(nn.MLP(features=features, hidden=(8,)), scale=0.1)
    >>> game = adversarial_autoencoder(
    ...     density(2), nn.MLP(features=1, hidden=(8,)), density(3),
    ...     loss=non_saturating(), prior=standard_normal((2,)),
    ... )
    >>> autoencoder, _ = game.init(jax.random.key(0), {"x": jnp.ones((4, 3))})
    >>> sorted(autoencoder["params"])
    ['decoder', 'encoder']
    """
    check_is("adversarial_autoencoder", Density, encoder=encoder)
    check_is("adversarial_autoencoder", Density, decoder=decoder)
    check_is("adversarial_autoencoder", Density, prior=prior)
    check_not_negative("adversarial_autoencoder", "weight", weight)
    encode = _of_density(encoder)

    def init(key: Key, batch: Batch, /) -> Variables:
        (x,) = read_batch("adversarial_autoencoder", batch, ("x",))
        check_scaled("adversarial_autoencoder", x)
        key_z, key_encoder, key_decoder = jax.random.split(key, 3)
        z = draw_noise(prior, batch, key_z)
        return join_parts(
            {
                "encoder": encode.init(key_encoder, x, z),
                "decoder": decoder.init(key_decoder, x, z),
            }
        )

    def generate(variables: Variables, batch: Batch, key: Key) -> RealAndFake:
        key_z, key_code = jax.random.split(key)
        x = batch["x"]
        code, _ = encode.draw(part_of(variables, "encoder"), x, key_code)
        nll = -jnp.mean(decoder.log_prob(part_of(variables, "decoder"), x, code))
        z = draw_noise(prior, batch, key_z)
        return RealAndFake((z,), (code,), {}, {"reconstruction": nll}, cost=nll)

    weighted = AdversarialLoss(
        lambda real, fake: weight * loss.generator(real, fake), loss.discriminator
    )
    setting = Setting("adversarial_autoencoder", weighted, penalties, inputs=("codes",))
    return adversarial(init, generate, discriminator, setting)


class Sampler(NamedTuple):
    """Something that draws outputs for inputs: a network, or a conditional density.

    Fields:
        init: `(key, inputs, outputs) -> variables`.
        draw: `(variables, inputs, key) -> (outputs, changed collections)`.
    """

    init: Callable[[Key, Array, Array], Variables]
    draw: Callable[[Variables, Array, Key], tuple[Array, Variables]]


def _of_network(user: str, model: NetworkLike) -> Sampler:
    network = as_network(model, user=user)
    return Sampler(
        lambda key, inputs, outputs: network.init(key, inputs),
        lambda variables, inputs, key: network.train(variables, key, inputs),
    )


def _of_density(density: Density) -> Sampler:
    return Sampler(
        lambda key, inputs, outputs: density.init(key, outputs, inputs),
        lambda variables, inputs, key: (
            density.sample(variables, key, len(inputs), inputs)[0],
            {},
        ),
    )


def _pairs(
    user: str, decode: Sampler, encode: Sampler, latent: Density
) -> tuple[BatchInit, Generate]:
    def init(key: Key, batch: Batch, /) -> Variables:
        (x,) = read_batch(user, batch, ("x",))
        check_scaled(user, x)
        key_z, key_generator, key_encoder = jax.random.split(key, 3)
        z = draw_noise(latent, batch, key_z)
        return join_parts(
            {
                "generator": decode.init(key_generator, z, x),
                "encoder": encode.init(key_encoder, x, z),
            }
        )

    def generate(variables: Variables, batch: Batch, key: Key) -> RealAndFake:
        key_z, key_fake, key_code = jax.random.split(key, 3)
        x, z = batch["x"], draw_noise(latent, batch, key_z)
        fake, changed = decode.draw(part_of(variables, "generator"), z, key_fake)
        code, also = encode.draw(part_of(variables, "encoder"), x, key_code)
        changed = join_changes({"generator": changed, "encoder": also})
        return RealAndFake((x, code), (fake, z), changed, {})

    return init, generate


def _of_pairs(
    user: str,
    decode: Sampler,
    encode: Sampler,
    discriminator: NetworkLike,
    loss: AdversarialLoss,
    latent: Density,
    penalties: Sequence[Penalty],
) -> Game:
    init, generate = _pairs(user, decode, encode, latent)
    setting = Setting(
        user, loss, penalties, exchange=True, inputs=("examples", "codes")
    )
    return adversarial(init, generate, discriminator, setting)
