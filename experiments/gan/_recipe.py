"""The GANs of the experiments: the relativistic one, and the plain one beside it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

from experiments.selection import train_to_end
from genjax import nn
from genjax.base import Density, NetworkLike, Update
from genjax.data import Pipeline
from genjax.gan import (
    Augmentation,
    Players,
    Schedule,
    gan,
    minimax,
    non_saturating,
    r1,
    r2,
    relativistic_paired,
)
from genjax.training import with_ema
from genjax.typing import Array, Key, Variables


def relativistic(
    config: Any,
    generator: NetworkLike,
    discriminator: NetworkLike,
    latent: Density,
    *,
    schedule: Schedule | None = None,
    augment: Augmentation | None = None,
) -> Update:
    """The relativistic GAN with R1 and R2, by Adam(0, .99) decayed by a cosine.

    Args:
        config: has `gamma`, `learning_rate`, `steps` and `ema`.
        generator: from noise to examples.
        discriminator: from examples to logits.
        latent: the distribution of the noise.
        schedule: of the players; in turn when None.
        augment: of what the discriminator sees.
    """
    game = gan(
        generator,
        discriminator,
        loss=relativistic_paired(),
        latent=latent,
        augment=augment,
        penalties=(r1(gamma=config.gamma), r2(gamma=config.gamma)),
    )
    decay = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    adam = optax.adam(decay, b1=0.0, b2=0.99)
    return with_ema(minimax(game, adam, adam, schedule=schedule), decay=config.ema)


def train_plain(
    config: Any,
    pipeline: Pipeline,
    generator: NetworkLike,
    discriminator: NetworkLike,
    latent: Density,
    *,
    pack: int = 1,
    schedule: Schedule | None = None,
) -> Variables:
    """Trains the non-saturating GAN by the classic Adam(2e-4, .5, .999), one seed.

    Args:
        config: has `steps`, `seed`, `ema` and `progress`.
        pipeline: the batches.
        generator: from noise to examples.
        discriminator: from examples to logits.
        latent: the distribution of the noise.
        pack: how many examples are judged at once: PacGAN.
        schedule: of the players; in turn when None.
    """
    game = gan(
        generator, discriminator, loss=non_saturating(), latent=latent, pack=pack
    )
    classic = optax.adam(2e-4, b1=0.5, b2=0.999)
    return train_to_end(
        with_ema(minimax(game, classic, classic, schedule=schedule), decay=config.ema),
        pipeline,
        key=jax.random.key(config.seed),
        steps=config.steps,
        title=config.title("PacGAN" if pack > 1 else "plain GAN"),
    )


def sampler(
    generator: NetworkLike, latent: Density
) -> Callable[[Variables, Key, int], Array]:
    """Returns `(variables of both players, key, n) -> samples`."""
    network = nn.as_network(generator, user="sampler")

    def sample(variables: Variables, key: Key, n: int) -> Array:
        own = Players(**variables).generator
        return network.apply(own, latent.sample({}, key, n)[0])

    return sample


def side_by_side(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Metrics of several models under names of their own.

    >>> side_by_side({"": {"modes": 8}, "_of_data": {"modes": 8}})
    {'modes': 8, 'modes_of_data': 8}
    """
    return {
        f"{metric}{row}": value
        for row, measured in rows.items()
        for metric, value in measured.items()
    }
