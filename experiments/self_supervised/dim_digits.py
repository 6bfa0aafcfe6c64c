"""Deep InfoMax on digits: a linear probe.

A small convolutional encoder maximises the mutual information between its vector and
every place of its feature map, without labels. The untrained encoder and the raw pixels
stand beside it.

Paper: Hjelm et al., 2019, arXiv:1808.06670
Command: python -m experiments self_supervised/dim_digits --check
Hardware: 2 CPU cores
Time: 50 seconds
Expected: linear probe >= .92
"""

from dataclasses import dataclass
from typing import Any

from experiments.config import TaskConfig
from experiments.runner import Task, run
from experiments.self_supervised._encoders import encoder_task
from genjax import nn
from genjax.self_supervised import deep_infomax
from genjax.typing import Array, Variables
from genjax.variables import part_of


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    features: int = 16
    """Of the vector that is kept."""
    widths: tuple[int, ...] = (32, 64)
    """Channels of the convolutions."""
    hidden: int = 128
    """Of the dense layer before the vector."""
    embedding: int = 64
    """Dimensions in which vector and map are compared."""
    chunk: int = 1
    """Steps per compiled chunk: on CPU, convolutions are slow in longer ones."""
    steps: int = 800
    batch_size: int = 128
    learning_rate: float = 1e-3
    evaluate_every: int = 200


SMOKE = {
    "widths": (8, 8),
    "hidden": 16,
    "embedding": 8,
    "steps": 20,
    "evaluate_every": 10,
}
EXPECTED = {"linear_probe": {"at_least": 0.92}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    encoder = nn.as_network(
        nn.LocalGlobalNet(
            features=config.features, widths=config.widths, hidden=config.hidden
        ),
        user="dim_digits",
    )
    objective = deep_infomax(
        encoder,
        nn.MLP(features=config.embedding, hidden=(config.embedding,)),
        nn.MLP(features=config.embedding, hidden=(config.embedding,)),
    )

    def features(variables: Variables, x: Array) -> Array:
        return encoder.apply(part_of(variables, "encoder"), x)[1]

    return encoder_task(config, objective, features)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("self_supervised/dim_digits", config, build, EXPECTED)
