"""NADE on binary handwritten digits, with baselines.

The 1797 digits of scikit-learn, 8 x 8, set to 1 from intensity 8 of 16 on, cut at
random (seed 0) into 1257 for training, 180 for validation and 360 for testing.

Paper: Larochelle and Murray, 2011; Uria et al., 2016, arXiv:1605.02226
Command: python -m experiments autoregressive/nade_digits --check
Hardware: 2 CPU cores
Time: 19 seconds
Expected: test NLL <= 16.9 nats, at least 1 nat below a mixture of Bernoullis
"""

from dataclasses import dataclass
from typing import Any

from experiments.autoregressive._binary_images import binary_task
from experiments.autoregressive._models import Settings, recipes
from experiments.config import TaskConfig
from experiments.images import binary_digits
from experiments.runner import Task, run


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    hidden: int = 200
    """Hidden units."""
    steps: int = 3000
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-1
    """Decoupled weight decay."""
    ema: float = 0.998
    evaluate_every: int = 250
    components: tuple[int, ...] = (5, 10, 20, 40)
    """Sizes of the Bernoulli mixture; the best on validation is the baseline."""


SMOKE = {"hidden": 16, "steps": 40, "evaluate_every": 20, "components": (5,)}
EXPECTED = {
    "test_nll": {"at_most": 16.9},
    "nats_below_mixture": {"at_least": 1.0},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    settings = Settings(config.steps, config.hidden)
    return binary_task(config, binary_digits(), 8, recipes(settings, 64)["nade"]())


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("autoregressive/nade_digits", config, build, EXPECTED)
