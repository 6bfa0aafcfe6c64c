"""A relativistic GAN on Fashion-MNIST.

As `gan/mnist`, on clothes.

Paper: Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2025, arXiv:2501.05441
Command: python -m experiments gan/fashion_mnist --check
Hardware: 2 CPU cores
Time: 2 minutes
Expected: Frechet <= 2.0, recall >= .83, coverage >= .75, marginal entropy >= 2.28
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
    "recall": {"at_least": 0.83},
    "coverage": {"at_least": 0.75},
    "marginal_entropy": {"at_least": 2.28},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    return _images.prepared_task(config, "fashion_mnist")


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/fashion_mnist", config, build, EXPECTED)
