"""A relativistic GAN on 8 x 8 digits.

1,257 digits train it, 180 choose the checkpoint, and 180 of the 360 test digits are
compared with as many samples, in the 64 features of an MLP classifier that is trained
at the start; the other 180 give the floor of every metric.

Paper: Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2025, arXiv:2501.05441
Command: python -m experiments gan/digits --check
Hardware: 2 CPU cores
Time: 40 seconds
Expected: Frechet <= 16 (the floor of so few images is 14), recall >= .9,
    coverage >= .85, marginal entropy >= 2.2
"""

from dataclasses import dataclass
from typing import Any

from experiments.gan import _images
from experiments.runner import Task, run
from genjax.data import digits, split


@dataclass(frozen=True, kw_only=True)
class Config(_images.ImageConfig):
    """The settings of this experiment."""

    width: int = 256
    """Units of the hidden layers, or channels of the convolutions."""
    steps: int = 10_000
    """Training steps of both players."""
    gamma: float = 1.0
    """Weight of the R1 and R2 penalties."""


SMOKE = _images.SMOKE
EXPECTED = {
    "frechet": {"at_most": 16.0},
    "recall": {"at_least": 0.9},
    "coverage": {"at_least": 0.85},
    "marginal_entropy": {"at_least": 2.2},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    splits = split(digits(), validation=180, test=360)
    return _images.image_task(config, splits, levels=17)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/digits", config, build, EXPECTED)
