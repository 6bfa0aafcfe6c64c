"""The bilinear game min_x max_y xy: every schedule against its closed form.

A step of gradient descent-ascent is a linear map of (x, y); its spectral radius is the
contraction a step. It is taken from the Jacobian of the update itself.

Paper: Gidel et al., 2019, arXiv:1802.10551
Command: python -m experiments gan/bilinear --check
Hardware: 2 CPU cores
Time: 5 seconds
Expected: rates equal sqrt(1 + e^2) (simultaneous) and 1 (alternating) to 1e-6
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.config import RunConfig
from experiments.runner import Study, run
from genjax.base import TrainState, Update
from genjax.gan import alternating, minimax, simultaneous, zero_sum
from genjax.plotting import trajectories
from genjax.training import scan_steps
from genjax.typing import Array


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    step_size: float = 0.2
    """The step e of both players."""
    steps: int = 100
    """Steps of the trajectories that are drawn."""


SMOKE = {"steps": 5}
EXPECTED = {
    "simultaneous_error": {"at_most": 1e-6},
    "alternating_error": {"at_most": 1e-6},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    game = zero_sum(
        lambda x, y, batch, key: x * y,
        lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
    )
    sgd = optax.sgd(config.step_size)
    updates = {
        "simultaneous": minimax(game, sgd, sgd, schedule=simultaneous()),
        "alternating": minimax(game, sgd, sgd, schedule=alternating()),
    }
    closed_forms = {
        "simultaneous": math.sqrt(1 + config.step_size**2),
        "alternating": 1.0,
    }

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


def spectral_radius(update: Update) -> float:
    """The largest eigenvalue modulus of the Jacobian of one step in (x, y)."""
    state = update.init(jax.random.key(0), NO_DATA)

    def advance(position: Array) -> Array:
        return _position(update.step(_at(state, position), NO_DATA)[0])

    jacobian = jax.jacfwd(advance)(jnp.array([1.0, 1.0]))
    return float(np.abs(np.linalg.eigvals(np.asarray(jacobian, np.float64))).max())


def path(update: Update, steps: int) -> np.ndarray:
    """The positions `[steps + 1, 2]` of both players from (1, 1) on."""
    start = update.init(jax.random.key(0), NO_DATA)

    def step(state: TrainState, batch: Any) -> Any:
        state, metrics = update.step(state, batch)
        return state, {**metrics, "position": _position(state)}

    batches = jnp.zeros((steps, 1))
    _, metrics = scan_steps(Update(update.init, step)).step(start, batches)
    return np.vstack([_position(start), metrics["position"]])


NO_DATA = jnp.zeros(1)


def _at(state: TrainState, position: Array) -> TrainState:
    variables = {
        "generator": {"params": position[0]},
        "discriminator": {"params": position[1]},
    }
    return state._replace(variables=variables)


def _position(state: TrainState) -> Array:
    players = (state.variables[name] for name in ("generator", "discriminator"))
    return jnp.stack([player["params"] for player in players])


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/bilinear", config, build, EXPECTED)
