"""The bilinear game: schedules and closed forms.

A step of gradient descent-ascent is a linear map of (x, y); its spectral radius is the
contraction per step. It is taken from the Jacobian of the update itself.

Paper: Gidel et al., 2019, arXiv:1802.10551; Mescheder, Nowozin and Geiger, 2017,
    arXiv:1705.10461; Balduzzi et al., 2018, arXiv:1802.05642
Command: python -m experiments gan/bilinear --check
Hardware: 2 CPU cores
Time: 5 seconds
Expected: the rates of six schedules equal their closed forms to 1e-6
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from experiments.config import RunConfig
from experiments.gan._dynamics import path, spectral_radius
from experiments.runner import Study, run
from genjax.gan import (
    alternating,
    consensus,
    extragradient,
    minimax,
    simultaneous,
    symplectic,
    zero_sum,
)
from genjax.plotting import trajectories


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    step_size: float = 0.2
    """The step e of both players."""
    steps: int = 100
    """Steps of the trajectories that are drawn."""


SMOKE = {"steps": 5}
EXPECTED = {
    f"{name}_error": {"at_most": 1e-6}
    for name in (
        "simultaneous",
        "alternating",
        "extragradient",
        "consensus",
        "symplectic",
        "optimistic",
    )
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    game = zero_sum(
        lambda x, y, batch, key: x * y,
        lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
    )
    sgd = optax.sgd(config.step_size)
    optimistic = optax.optimistic_gradient_descent(config.step_size)
    schedules = {
        "simultaneous": simultaneous(),
        "alternating": alternating(),
        "extragradient": extragradient(),
        "consensus": consensus(weight=1.0),
        "symplectic": symplectic(weight=1.0),
    }
    updates = {
        **{name: minimax(game, sgd, sgd, schedule=s) for name, s in schedules.items()},
        "optimistic": minimax(game, optimistic, optimistic, schedule=simultaneous()),
    }
    closed_forms = rates(config.step_size)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        metrics = {}
        for name, update in updates.items():
            rate = spectral_radius(update)
            metrics[f"{name}_rate"] = rate
            metrics[f"{name}_closed_form"] = closed_forms[name]
            metrics[f"{name}_error"] = abs(rate - closed_forms[name])
        paths = {name: path(u, config.steps) for name, u in updates.items()}
        return metrics, {"phase_portraits": trajectories(paths)}

    return Study(measure)


def rates(e: float) -> dict[str, float]:
    """The closed forms of the contraction per step, for the step size e."""
    quadratic = [1, -(1 - 2j * e), -1j * e]
    return {
        "simultaneous": math.sqrt(1 + e**2),
        "alternating": 1.0,
        "extragradient": math.sqrt(1 - e**2 + e**4),
        "consensus": abs(1 - e - 1j * e),
        "symplectic": abs(1 - e - 1j * e),
        "optimistic": float(np.abs(np.roots(quadratic)).max()),
    }


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/bilinear", config, build, EXPECTED)
