"""A relativistic GAN on MNIST.

The 60,000 training images are cut into 55,000 and 5,000 for validation. 5,000 samples
of the averaged generator of the best validation are compared with 5,000 random test
images; the other 5,000 give the floor of every metric. "Frechet" is the distance in the
64 features of an MLP classifier that is trained at the start.

Paper: Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2025, arXiv:2501.05441
Command: python -m experiments gan/mnist --check
Hardware: 2 CPU cores
Time: 2 minutes
Expected: Frechet <= 2.0, recall >= .90, coverage >= .80, marginal entropy >= 2.28,
    accuracy of the nearest neighbour from .45 to .70
"""

from dataclasses import dataclass
from typing import Any

from experiments.gan import _images
from experiments.runner import Task, run


@dataclass(frozen=True, kw_only=True)
class Config(_images.PreparedConfig):
    """The settings of this experiment."""


SMOKE = _images.PREPARED_SMOKE
EXPECTED = {
    "frechet": {"at_most": 2.0},
    "recall": {"at_least": 0.90},
    "coverage": {"at_least": 0.80},
    "marginal_entropy": {"at_least": 2.28},
    "one_nn_accuracy": {"value": 0.575, "tolerance": 0.125},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    return _images.prepared_task(config, "mnist")


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/mnist", config, build, EXPECTED)
