"""GANs of mixtures of normals in the plane, where every mode can be counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TaskConfig
from experiments.gan._recipe import relativistic, sampler, side_by_side, train_plain
from experiments.runner import Task
from genjax import nn
from genjax.base import Density
from genjax.data import generated
from genjax.densities import standard_normal
from genjax.gan import alternating
from genjax.metrics import ModeCoverage, mode_coverage
from genjax.plotting import density_map, scatter_panels
from genjax.typing import Array, Variables

PROTOCOL = 2500
"""Samples of the published protocol."""


@dataclass(frozen=True, kw_only=True)
class PlaneConfig(TaskConfig):
    """The settings that the experiments in the plane share."""

    seeds: int = 3
    """How many seeds to train side by side, as one vmapped program."""
    width: int = 128
    """Of the three hidden layers of both networks."""
    latent: int = 2
    """Dimensions of the noise."""
    gamma: float = 0.03
    """Weight of the R1 and R2 penalties."""
    n_discriminator: int = 1
    """Steps of the discriminator for one of the generator."""
    steps: int = 30_000
    """Steps of the generator."""
    batch_size: int = 128
    """Points per step of the discriminator."""
    learning_rate: float = 1e-3
    """Of both Adams, decayed to 0 by a cosine."""
    ema: float = 0.999
    """Decay of the averaged generator that is evaluated."""
    evaluate_every: int = 2500


SMOKE = {"width": 16, "steps": 40, "evaluate_every": 20}


def plane_task(
    config: PlaneConfig, target: Density, centres: np.ndarray, *, scale: float
) -> Task:
    """A relativistic GAN with R1 and R2 on a mixture of normals, beside the plain GAN.

    The plain one is one seed of as many steps.

    Args:
        config: the settings.
        target: the mixture.
        centres: of its normals, `[k, 2]`.
        scale: their standard deviation.
    """
    reach = 1.3 * float(np.abs(centres).max())
    modes = jnp.asarray(centres, jnp.float32)
    generator = nn.MLP(features=2, hidden=(config.width,) * 3)
    latent = standard_normal((config.latent,))
    rows = config.batch_size * config.n_discriminator
    pipeline = generated(
        lambda key: {"x": target.sample({}, key, rows)[0]}, seed=config.seed
    )

    critic = nn.MLP(features=1, hidden=(config.width,) * 3)
    players = generator, critic, latent
    play = alternating(n_discriminator=config.n_discriminator)
    sample = sampler(generator, latent)

    def coverage(points: Array) -> ModeCoverage:
        return mode_coverage(points, modes, scale=scale)

    def found(variables: Variables, seed: int) -> ModeCoverage:
        return coverage(sample(variables, jax.random.key(seed), PROTOCOL))

    def distance(variables: Variables) -> Array:
        seen = found(variables, 1_000_003)
        return seen.reverse_kl + 1 - seen.high_quality

    @cache
    def plain() -> Variables:
        return train_plain(config, pipeline, *players, schedule=play)

    def evaluate(variables: Variables) -> dict[str, Any]:
        true = target.sample({}, jax.random.key(1_000_004), PROTOCOL)[0]
        rows = {
            "": found(variables, 1_000_005),
            "_of_plain_gan": found(plain(), 1_000_005),
            "_of_data": coverage(true),
        }
        return side_by_side({row: seen._asdict() for row, seen in rows.items()})

    return Task(
        update=relativistic(config, *players, schedule=play),
        pipeline=pipeline,
        validate=distance,
        unit="energy distance",
        loss_unit="loss",
        evaluate=evaluate,
        sample=sample,
        draw=lambda points: _panels({"samples": points}, reach),
        draw_over_time=lambda kept: _densities(kept, reach),
        figures=lambda variables, key: {
            "beside_plain_gan": _panels(
                {
                    "data": target.sample({}, key, PROTOCOL)[0],
                    "relativistic, R1 and R2": sample(variables, key, PROTOCOL),
                    "plain GAN": sample(plain(), key, PROTOCOL),
                },
                reach,
            )
        },
        monitor=lambda variables: found(variables, 1_000_003)._asdict(),
        kept=PROTOCOL,
    )


def _panels(points: Mapping[str, Any], reach: float) -> Any:
    return scatter_panels(points, extent=(-reach, reach, -reach, reach))


def _densities(kept: Mapping[int, Any], reach: float, most: int = 6) -> Any:
    """Histograms of the samples at a few validations, from the first to the last."""
    steps = sorted(kept)
    chosen = [
        steps[i] for i in np.linspace(0, len(steps) - 1, most).round().astype(int)
    ]
    chosen = list(dict.fromkeys(chosen))
    square = [[-reach, reach], [-reach, reach]]
    maps = []
    for step in chosen:
        x, y = np.asarray(kept[step]).T
        counts, _, _ = np.histogram2d(y, x, bins=80, range=square)
        area = (2 * reach / 80) ** 2
        maps.append(np.log(np.maximum(counts / counts.sum() / area, 1e-12)))
    return density_map(
        np.stack(maps),
        extent=(-reach, reach, -reach, reach),
        titles=[f"step {step:,}" for step in chosen],
    )
