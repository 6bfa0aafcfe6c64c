"""A GAN on a ring of eight normals: mode collapse.

A relativistic GAN with R1 and R2 trains in three seeds side by side, one vmapped
program. 2,500 samples of each averaged generator are measured; as many true samples and
a plain GAN stand beside them.

Paper: Srivastava et al., 2017, arXiv:1705.07761; Mescheder et al., 2018,
    arXiv:1801.04406; Huang et al., 2025, arXiv:2501.05441
Command: python -m experiments gan/ring --check
Hardware: 2 CPU cores
Time: 80 seconds for three seeds and the plain GAN
Expected: 8 of 8 modes, high-quality share >= .95, reverse KL <= .01
"""

from dataclasses import dataclass
from typing import Any

from experiments.gan import _plane
from experiments.runner import Task, run
from genjax.densities import eight_gaussians, ring_centres

RADIUS, SCALE = 1.0, 0.01


@dataclass(frozen=True, kw_only=True)
class Config(_plane.PlaneConfig):
    """The settings of this experiment."""

    steps: int = 20_000
    """Steps of the generator."""
    gamma: float = 0.01
    """Weight of the R1 and R2 penalties."""


SMOKE = _plane.SMOKE
EXPECTED = {
    "modes": {"at_least": 8},
    "high_quality": {"at_least": 0.95},
    "reverse_kl": {"at_most": 0.01},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    ring = eight_gaussians(radius=RADIUS, scale=SCALE)
    return _plane.plane_task(config, ring, ring_centres(RADIUS), scale=SCALE)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/ring", config, build, EXPECTED)
