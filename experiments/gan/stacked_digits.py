"""A GAN on 1,000 modes: three digits as channels.

Three of scikit-learn's digits, drawn at random, are the channels of an 8 x 8 image; a
classifier of digits says into which of the 1,000 modes each of 26,000 samples falls.
A relativistic GAN with R1 and R2 stands beside PacGAN and the plain GAN, all with the
same networks and as many steps.

Paper: Lin et al., 2018, arXiv:1712.04086 (on stacked MNIST: DCGAN 99 modes and KL 3.40,
    PacDCGAN2 1,000 and .06); Huang et al., 2025, arXiv:2501.05441
Command: python -m experiments gan/stacked_digits --check
Hardware: 2 CPU cores
Time: 2 minutes
Expected: >= 990 of 1,000 modes, reverse KL <= .15
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TaskConfig
from experiments.gan._features import Classifier, train_classifier
from experiments.gan._recipe import relativistic, sampler, side_by_side, train_plain
from experiments.runner import Task, run
from genjax import nn
from genjax.data import digits, generated, split
from genjax.densities import standard_normal
from genjax.metrics import class_coverage
from genjax.plotting import image_grid
from genjax.typing import Array, Key, Variables

SHAPE, DRAWS = (8, 8, 3), 26_000


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    width: int = 256
    """Units of the hidden layers, two per network."""
    latent: int = 64
    """Dimensions of the noise."""
    gamma: float = 1.0
    """Weight of the R1 and R2 penalties."""
    pack: int = 2
    """How many images PacGAN's discriminator judges at once."""
    steps: int = 20_000
    batch_size: int = 128
    """Images per step."""
    learning_rate: float = 1e-3
    """Of both Adams, decayed to 0 by a cosine; the plain GANs have 2e-4."""
    ema: float = 0.998
    """Decay of the averaged generator that is evaluated."""
    evaluate_every: int = 2000
    classifier_steps: int = 2000
    """Training steps of the classifier that tells the digits."""


SMOKE = {
    "width": 16,
    "steps": 4,
    "batch_size": 16,
    "evaluate_every": 2,
    "classifier_steps": 5,
}
EXPECTED = {"modes": {"at_least": 990}, "reverse_kl": {"at_most": 0.15}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    parts = split(digits(), validation=180, test=360)
    (images, labels), test = (
        (
            jnp.asarray(part.arrays["image"] / 8.0 - 1.0, jnp.float32),
            jnp.asarray(part.arrays["label"]),
        )
        for part in (parts.train, parts.test)
    )
    judge = train_classifier(
        (images, labels),
        test,
        steps=config.classifier_steps,
        title=config.title("classifier, to tell the digits"),
    )
    hidden, latent = (config.width,) * 2, standard_normal((config.latent,))
    generator = nn.ImageMLP(nn.MLP(features=8 * 8 * 3, hidden=hidden), SHAPE)
    discriminator = nn.Joint(nn.MLP(features=1, hidden=hidden))
    pipeline = generated(
        lambda key: {"x": stack(key, images, config.batch_size)}, seed=config.seed
    )

    players = generator, discriminator, latent
    sample = sampler(generator, latent)

    def monitor(variables: Variables) -> dict[str, Array]:
        return coverage(judge, sample(variables, jax.random.key(1_000_003), DRAWS))

    @cache
    def rivals() -> dict[str, Variables]:
        return {
            name: train_plain(config, pipeline, *players, pack=pack)
            for name, pack in (("pacgan", config.pack), ("plain_gan", 1))
        }

    def evaluate(variables: Variables) -> dict[str, Any]:
        key = jax.random.key(1_000_005)
        rows = {
            "": sample(variables, key, DRAWS),
            **{f"_of_{n}": sample(v, key, DRAWS) for n, v in rivals().items()},
            "_of_data": stack(key, images, DRAWS),
        }
        found = side_by_side({row: coverage(judge, x) for row, x in rows.items()})
        return {**found, "classifier_accuracy": judge.accuracy}

    return Task(
        update=relativistic(config, *players),
        pipeline=pipeline,
        validate=lambda variables: monitor(variables)["reverse_kl"],
        unit="reverse KL, nats",
        loss_unit="loss",
        evaluate=evaluate,
        sample=sample,
        draw=lambda x: _panels({"samples": x}),
        draw_over_time=lambda kept: _panels(
            {f"step {step:,}": x for step, x in sorted(kept.items())}
        ),
        figures=lambda variables, key: {
            "beside_plain_gan": _panels(
                {
                    "data": stack(key, images, 24),
                    "relativistic": sample(variables, key, 24),
                    **{n: sample(v, key, 24) for n, v in rivals().items()},
                }
            )
        },
        monitor=monitor,
        kept=24,
    )


def stack(key: Key, images: Array, n: int) -> Array:
    """Three random images `[8, 8]` each as the channels of one: `[n, 8, 8, 3]`."""
    return jnp.moveaxis(jax.random.choice(key, images, (n, 3)), 1, 3)


def coverage(judge: Classifier, x: Array) -> dict[str, Array]:
    """How many of the 1,000 modes there are, and how unevenly."""
    label = jnp.argmax(judge.logits(jnp.moveaxis(x, 3, 1).reshape(-1, 8, 8)), axis=1)
    place = label.reshape(-1, 3) @ jnp.array([100, 10, 1])
    modes, reverse_kl = class_coverage(jnp.bincount(place, length=1000))
    return {"modes": modes, "reverse_kl": reverse_kl}


def _panels(rows: dict[str, Any]) -> Any:
    """Two rows of twelve images each, in colour."""
    images = np.concatenate([np.asarray(x[:24]) for x in rows.values()])
    labels = [label for name in rows for label in (name.replace("_", " "), "")]
    return image_grid(np.clip((images + 1) / 2, 0, 1), columns=12, row_labels=labels)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/stacked_digits", config, build, EXPECTED)
