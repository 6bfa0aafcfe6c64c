"""Games with an encoder: what is judged are pairs of examples and codes, or codes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density, Game, Network
from genjax.checks import check_not_negative
from genjax.errors import InputError
from genjax.gan.adversarial import Rules, Scene, adversarial, draw_noise
from genjax.gan.losses import AdversarialLoss
from genjax.gan.penalties import Penalty
from genjax.nn import join_parts, part_of, training_pass
from genjax.typing import Array, Batch, Key, Variables


def bigan(
    generator: Network,
    encoder: Network,
    discriminator: Network,
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
        encoder: from examples to noise.
        discriminator: from examples and noise to logits, such as `nn.Joint`.
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
    """
    makers = _of_network(generator), _of_network(encoder)
    return _of_pairs("bigan", *makers, discriminator, loss, latent, penalties)


def ali(
    decoder: Density,
    encoder: Density,
    discriminator: Network,
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
        encoder: `q(z | x)`, likewise.
        discriminator: from examples and noise to logits, such as `nn.Joint`.
        loss: an adversarial loss.
        latent: the distribution of the noise.
        penalties: added to the discriminator's loss.

    Returns:
        A game over batches `{"x": [b, *event]}`, whose generator's variables have the
        parts `generator` and `encoder`.

    Source: Dumoulin et al., 2017, arXiv:1606.00704.
    """
    makers = _of_density(decoder), _of_density(encoder)
    return _of_pairs("ali", *makers, discriminator, loss, latent, penalties)


def veegan(
    generator: Network,
    reconstructor: Network,
    discriminator: Network,
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
        reconstructor: F, from examples to noise.
        discriminator: from examples and noise to logits, such as `nn.Joint`.
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
    """
    check_not_negative("veegan", "weight", weight)
    makers = _of_network(generator), _of_network(reconstructor)
    init, produce = _pairs(*makers, latent)

    def with_reconstruction(variables: Variables, batch: Batch, key: Key) -> Scene:
        scene = produce(variables, batch, key)
        fake, z = scene.fake
        mine = part_of(variables, "encoder")
        back, _ = training_pass(reconstructor, mine, fake)
        if back.shape != z.shape:
            raise InputError(
                f"veegan: the reconstructor must return the shape {z.shape} of the "
                f"noise, got {back.shape}."
            )
        axes = tuple(range(1, z.ndim))
        error = jnp.mean(jnp.sum((z - back) ** 2, axis=axes))
        x, code = scene.real
        return scene._replace(
            real=(x, jax.lax.stop_gradient(code)),
            cost=weight * error,
            metrics={"reconstruction": error},
        )

    rules = Rules("veegan", loss, penalties, inputs=("examples", "codes"))
    return adversarial(init, with_reconstruction, discriminator, rules)


def adversarial_autoencoder(
    encoder: Density,
    decoder: Density,
    discriminator: Network,
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
        decoder: `p(x | z)`, with a log-probability.
        discriminator: from codes to logits.
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
    """
    check_not_negative("adversarial_autoencoder", "weight", weight)
    encode = _of_density(encoder)

    def init(key: Key, batch: Batch) -> Variables:
        key_z, key_encoder, key_decoder = jax.random.split(key, 3)
        x, z = batch["x"], draw_noise(prior, batch, key_z)
        return join_parts(
            {
                "encoder": encode.init(key_encoder, x, z),
                "decoder": {"params": decoder.init(key_decoder, x, z)},
            }
        )

    def produce(variables: Variables, batch: Batch, key: Key) -> Scene:
        key_z, key_code = jax.random.split(key)
        x = batch["x"]
        code, _ = encode.draw(part_of(variables, "encoder"), x, key_code)
        params = variables["params"]["decoder"]
        nll = -jnp.mean(decoder.log_prob(params, x, code))
        z = draw_noise(prior, batch, key_z)
        return Scene((z,), (code,), {}, {"reconstruction": nll}, cost=nll)

    weighted = AdversarialLoss(
        lambda real, fake: weight * loss.generator(real, fake), loss.discriminator
    )
    rules = Rules("adversarial_autoencoder", weighted, penalties, inputs=("codes",))
    return adversarial(init, produce, discriminator, rules)


class Maker(NamedTuple):
    """Something that draws outputs for inputs: a network, or a conditional density.

    Fields:
        init: `(key, inputs, outputs) -> variables`.
        draw: `(variables, inputs, key) -> (outputs, changed collections)`.
    """

    init: Callable[[Key, Array, Array], Variables]
    draw: Callable[[Variables, Array, Key], tuple[Array, Variables]]


def _of_network(network: Network) -> Maker:
    return Maker(
        lambda key, inputs, outputs: network.init(key, inputs),
        lambda variables, inputs, key: training_pass(network, variables, inputs),
    )


def _of_density(density: Density) -> Maker:
    def draw(variables: Variables, inputs: Array, key: Key) -> tuple[Array, Variables]:
        params = variables["params"]
        return density.sample(params, key, len(inputs), inputs)[0], {}

    return Maker(
        lambda key, inputs, outputs: {"params": density.init(key, outputs, inputs)},
        draw,
    )


def _pairs(decode: Maker, encode: Maker, latent: Density) -> tuple[Any, Any]:
    def init(key: Key, batch: Batch) -> Variables:
        key_z, key_generator, key_encoder = jax.random.split(key, 3)
        x, z = batch["x"], draw_noise(latent, batch, key_z)
        return join_parts(
            {
                "generator": decode.init(key_generator, z, x),
                "encoder": encode.init(key_encoder, x, z),
            }
        )

    def produce(variables: Variables, batch: Batch, key: Key) -> Scene:
        key_z, key_fake, key_code = jax.random.split(key, 3)
        x, z = batch["x"], draw_noise(latent, batch, key_z)
        fake, new = decode.draw(part_of(variables, "generator"), z, key_fake)
        code, changed = encode.draw(part_of(variables, "encoder"), x, key_code)
        new = join_parts({"generator": new, "encoder": changed})
        return Scene((x, code), (fake, z), new, {})

    return init, produce


def _of_pairs(
    user: str,
    decode: Maker,
    encode: Maker,
    discriminator: Network,
    loss: AdversarialLoss,
    latent: Density,
    penalties: Sequence[Penalty],
) -> Game:
    init, produce = _pairs(decode, encode, latent)
    rules = Rules(user, loss, penalties, exchange=True, inputs=("examples", "codes"))
    return adversarial(init, produce, discriminator, rules)
