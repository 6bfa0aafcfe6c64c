"""The perceptron with and without a threshold.

A separable set is pushed along the normal of its boundary: without a bias the boundary
must pass through the origin, and soon nothing separates; with one, the perceptron finds
a boundary within Novikoff's bound. And of all labellings of the corners of a cube, so
many can be learnt.

Paper: Novikoff, 1962; Cover, 1965
Command: python -m experiments bias/perceptron --check
Hardware: 2 CPU cores
Time: 5 seconds
Expected: 14 and 104 functions with a bias on {0, 1}^2 and {0, 1}^3, 4 and 14 without on
    {-1, 1}^n; without a bias infeasible from a shift of .5 on; every mistake count
    within its bound
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import RunConfig
from experiments.runner import Study, run
from genjax.perceptron import (
    count_threshold_functions,
    novikoff_bound,
    separating_direction,
    train_perceptron,
)
from genjax.plotting import curves


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    points: int = 100
    """Points of the separable set."""
    margin: float = 0.5
    """Half the gap between the two sides, along the normal."""
    shifts: tuple[float, ...] = (0.0, 0.25, 0.4, 0.5, 1.0, 2.0, 4.0)
    """How far the set is pushed along the normal."""


SMOKE = {"points": 20, "shifts": (0.0, 1.0)}
EXPECTED = {
    "with_bias_2": {"value": 14, "tolerance": 0},
    "with_bias_3": {"value": 104, "tolerance": 0},
    "signs_without_bias_2": {"value": 4, "tolerance": 0},
    "signs_without_bias_3": {"value": 14, "tolerance": 0},
    "least_infeasible_shift": {"value": 0.5, "tolerance": 1e-9},
    "share_converged_with_bias": {"at_least": 1.0},
    "largest_share_of_bound": {"at_most": 1.0},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        metrics = _counts()
        rows = [_at_shift(config, shift) for shift in config.shifts]
        infeasible = [
            shift
            for shift, row in zip(config.shifts, rows, strict=True)
            if not row["feasible_without_bias"]
        ]
        metrics["least_infeasible_shift"] = min(infeasible, default=np.inf)
        metrics["share_converged_with_bias"] = np.mean([r["converged"] for r in rows])
        metrics["largest_share_of_bound"] = max(
            r["mistakes"] / r["bound"] for r in rows
        )
        figure = curves(
            {
                "mistakes with bias": (config.shifts, [r["mistakes"] for r in rows]),
                "Novikoff's bound": (config.shifts, [r["bound"] for r in rows]),
            },
            xlabel="shift along the normal",
            ylabel="mistakes",
        )
        figure.axes[0].set_yscale("symlog")
        return metrics, {"mistakes": figure}

    return Study(measure)


def _counts() -> dict[str, Any]:
    """How many labellings of a cube's corners a perceptron realises."""
    counts: dict[str, Any] = {}
    for n in (2, 3):
        corners = np.array(list(itertools.product([0.0, 1.0], repeat=n)))
        signs = 2 * corners - 1
        counts[f"with_bias_{n}"] = count_threshold_functions(corners, use_bias=True)
        counts[f"without_bias_{n}"] = count_threshold_functions(corners, use_bias=False)
        counts[f"signs_without_bias_{n}"] = count_threshold_functions(
            signs, use_bias=False
        )
    return counts


def _at_shift(config: Config, shift: float) -> dict[str, Any]:
    """Trains with a bias, and asks whether anything separates without one."""
    rng = np.random.default_rng(config.seed)
    y = np.where(np.arange(config.points) % 2 == 0, 1.0, -1.0)
    along = y * (config.margin + rng.exponential(0.3, config.points))
    # The nearest points of both sides stand on the normal, opposite one another.
    across = rng.uniform(-1, 1, config.points)
    along[:2], across[:2] = (config.margin, -config.margin), 0.0
    x = np.stack([along + shift, across], axis=1)
    points, sides = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    trained = jax.jit(
        lambda x, y: train_perceptron(x, y, use_bias=True, most_passes=100_000)
    )(points, sides)
    homogeneous = jnp.concatenate([points, jnp.ones((len(x), 1))], axis=1)
    normal = jnp.array([1.0, 0.0, -shift])
    return {
        "feasible_without_bias": separating_direction(x, y, use_bias=False) is not None,
        "converged": bool(trained.converged),
        "mistakes": int(trained.mistakes),
        "bound": float(novikoff_bound(homogeneous, sides, normal)),
    }


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("bias/perceptron", config, build, EXPECTED)
