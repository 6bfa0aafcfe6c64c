"""A GAN on a grid of 25 normals: every mode.

A relativistic GAN with R1 and R2 trains in three seeds side by side, one vmapped
program. 2,500 samples of each averaged generator are measured; as many true samples and
a plain GAN with the classic Adam stand beside them.

Paper: Lin et al., 2018, arXiv:1712.04086 (best published: 24.8 modes, high-quality
    share .936, reverse KL .04); Huang et al., 2025, arXiv:2501.05441
Command: python -m experiments gan/grid --check
Hardware: 2 CPU cores
Time: 2 minutes for three seeds and the plain GAN
Expected: 25 of 25 modes, high-quality share >= .94, reverse KL <= .01
"""

from dataclasses import dataclass
from typing import Any

from experiments.gan import _plane
from experiments.runner import Task, run
from genjax.densities import gaussian_grid, grid_centres

SIDE, SPACING, SCALE = 5, 2.0, 0.05


@dataclass(frozen=True, kw_only=True)
class Config(_plane.PlaneConfig):
    """The settings of this experiment."""


SMOKE = _plane.SMOKE
EXPECTED = {
    "modes": {"at_least": 25},
    "high_quality": {"at_least": 0.94},
    "reverse_kl": {"at_most": 0.01},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    grid = gaussian_grid(side=SIDE, spacing=SPACING, scale=SCALE)
    return _plane.plane_task(config, grid, grid_centres(SIDE, SPACING), scale=SCALE)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/grid", config, build, EXPECTED)
