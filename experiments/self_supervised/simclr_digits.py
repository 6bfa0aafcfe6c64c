"""SimCLR on digits: a linear probe and k-NN.

A small convolutional encoder learns without labels; its features are measured by a
linear probe and by their nearest neighbours. The untrained encoder and the raw pixels
stand beside it.

Paper: Chen, Kornblith, Norouzi and Hinton, 2020, arXiv:2002.05709
Command: python -m experiments self_supervised/simclr_digits --check
Hardware: 2 CPU cores
Time: 50 seconds
Expected: linear probe >= .96, nearest neighbours >= .96
"""

from dataclasses import dataclass
from typing import Any

import jax

from experiments.config import TaskConfig
from experiments.runner import Task, run
from experiments.self_supervised._encoders import encoder_task
from genjax import nn
from genjax.augment import random_affine
from genjax.base import Network
from genjax.self_supervised import simclr
from genjax.typing import Array, Key, Variables
from genjax.variables import part_of


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    features: int = 64
    """Of the vector that is kept."""
    widths: tuple[int, ...] = (32, 64)
    """Channels of the convolutions."""
    hidden: int = 128
    """Of the dense layer before the vector."""
    embedding: int = 64
    """Dimensions in which views are compared."""
    tau: float = 0.2
    """The temperature."""
    chunk: int = 1
    """Steps per compiled chunk: on CPU, convolutions are slow in longer ones."""
    steps: int = 1500
    batch_size: int = 128
    learning_rate: float = 2e-3
    evaluate_every: int = 250


SMOKE = {
    "widths": (8, 8),
    "hidden": 16,
    "embedding": 8,
    "steps": 20,
    "evaluate_every": 10,
}
MOVE = random_affine(shift=1.0, rotation=0.35, scale=0.15)
EXPECTED = {"linear_probe": {"at_least": 0.96}, "knn": {"at_least": 0.96}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    network = nn.as_network(
        nn.LocalGlobalNet(
            features=config.features, widths=config.widths, hidden=config.hidden
        ),
        user="simclr_digits",
    )
    encoder = Network(
        network.init, lambda variables, *x: network.apply(variables, *x)[1]
    )
    projector = nn.MLP(features=config.embedding, hidden=(config.hidden,))
    objective = simclr(encoder, projector, augment=view, tau=config.tau)

    def features(variables: Variables, x: Array) -> Array:
        return encoder.apply(part_of(variables, "encoder"), x)

    return encoder_task(config, objective, features)


def view(key: Key, x: Array) -> Array:
    """Draws a view of every image."""
    key_affine, key_noise, key_light = jax.random.split(key, 3)
    light = jax.random.uniform(key_light, (len(x), 1, 1, 1), minval=0.7, maxval=1.3)
    return light * MOVE(key_affine, x) + 0.08 * jax.random.normal(key_noise, x.shape)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("self_supervised/simclr_digits", config, build, EXPECTED)
