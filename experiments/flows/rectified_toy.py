"""Rectified flow on a plane, down to one Euler step.

The exact velocity of the mixture is known: the solver's density is checked against the
mixture's own, and the trained flow's against both. Then the flow's own pairs of noise
and data train a second one, whose single Euler step is compared with the first one's.

Paper: Liu, Gong and Liu, 2022, arXiv:2209.03003
Command: python -m experiments flows/rectified_toy --check
Hardware: 2 CPU cores
Time: 50 seconds
Expected: one-step energy distance <= .006 after the reflow; RK4-200 within 1e-4 of the
    mixture's log-density
"""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TrainConfig
from experiments.recipe import descent
from experiments.runner import Study, run, train_stage
from genjax import nn
from genjax.base import NetworkLike
from genjax.data import ArraySource, generated, on_device
from genjax.densities import eight_gaussians, ring_centres, standard_normal
from genjax.flow_matching import (
    continuous,
    euler,
    fixed_steps,
    flow_matching,
    logit_normal_times,
    normal_mixture_velocity,
    reflow_pairs,
    straightness,
    transport,
)
from genjax.flows import density
from genjax.metrics import energy_distance
from genjax.plotting import density_map, scatter_panels
from genjax.typing import Array, Variables
from genjax.variables import join_parts


@dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The settings of this experiment."""

    width: int = 128
    """Of the three hidden layers of the velocity."""
    steps: int = 10_000
    """Training steps of each of the two flows."""
    batch_size: int = 512
    """Points per step."""
    learning_rate: float = 2e-3
    ema: float = 0.999
    pairs: int = 60_000
    """Pairs of noise and data for the reflow."""
    pair_steps: int = 25
    """Runge-Kutta steps of a pair."""
    solver_steps: int = 200
    """Runge-Kutta steps of the densities."""
    points: int = 4096
    """Points of each evaluation."""


SMOKE = {
    "width": 16,
    "steps": 40,
    "pairs": 512,
    "pair_steps": 4,
    "solver_steps": 8,
    "points": 256,
}
EXPECTED = {
    "one_step_energy_distance_reflowed": {"at_most": 0.006},
    "exact_velocity_log_density_error": {"at_most": 1e-4},
}
RADIUS, SCALE = 4 / math.sqrt(2), 0.5 / math.sqrt(2)
EXTENT = (-4.5, 4.5, -4.5, 4.5)


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    target = eight_gaussians(radius=RADIUS, scale=SCALE)
    base = standard_normal((2,))
    network = nn.TimeMLP(features=2, hidden=(config.width,) * 3)
    key_data, key_noise = jax.random.split(jax.random.key(1_000_003))
    data, log_prob = target.sample({}, key_data, config.points)
    noise, _ = base.sample({}, key_noise, config.points)

    def first_stage(folder: Path) -> Variables:
        update = descent(config, flow_matching(network, times=logit_normal_times()))
        fresh = generated(
            lambda key: {"x": target.sample({}, key, config.batch_size)[0]},
            seed=config.seed,
        )
        return train_stage(
            folder / "first", update, fresh, config=config, steps=config.steps
        )

    def reflow(folder: Path, first: Variables) -> Variables:
        key = jax.random.key(config.seed + 1)
        ends = jax.random.normal(key, (config.pairs, 2))
        integrator = fixed_steps(config.pair_steps)
        pairs = jax.jit(partial(reflow_pairs, network, integrator=integrator))(
            first, ends
        )
        source = ArraySource({name: np.asarray(v) for name, v in pairs.items()})
        pipeline = on_device(source, batch_size=config.batch_size, seed=config.seed)
        update = descent(config, flow_matching(network))
        return train_stage(
            folder / "reflow", update, pipeline, config=config, steps=config.steps
        )

    def density_error(field: Any, variables: Variables) -> tuple[Array, Array]:
        """The largest error of the log-density, and the mean: the gap in nats."""
        integrator = fixed_steps(config.solver_steps)
        model = density(continuous(field, integrator=integrator), base)
        variables = join_parts({"bijector": variables})
        difference = log_prob - jax.jit(model.log_prob)(variables, data)
        return jnp.abs(difference).max(), difference.mean()

    def distance(variables: Variables, steps: int) -> Array:
        integrator = fixed_steps(steps, euler)
        carry = jax.jit(partial(transport, network, integrator=integrator))
        points = carry(variables, noise)
        return energy_distance(points, data)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        first = first_stage(folder)
        second = reflow(folder, first)
        other = target.sample({}, jax.random.key(1_000_004), config.points)[0]
        exact = normal_mixture_velocity(
            jnp.asarray(ring_centres(RADIUS), jnp.float32), scale=SCALE
        )
        bend = jax.jit(partial(straightness, network))
        metrics = {
            "exact_velocity_log_density_error": density_error(exact, {})[0],
            "gap": density_error(network, first)[1],
            "energy_distance_of_data": energy_distance(other, data),
            "straightness": bend(first, noise),
            "straightness_reflowed": bend(second, noise),
        }
        for name, variables in (("", first), ("_reflowed", second)):
            metrics[f"one_step_energy_distance{name}"] = distance(variables, 1)
            metrics[f"eight_step_energy_distance{name}"] = distance(variables, 8)
        return metrics, _figures(network, target, first, second, noise)

    return Study(measure)


def _figures(
    network: NetworkLike,
    target: Any,
    first: Any,
    second: Any,
    noise: Array,
) -> dict[str, Any]:
    panels = {
        f"{name}, {steps} step{'s' if steps > 1 else ''}": transport(
            network, variables, noise[:2000], integrator=fixed_steps(steps, euler)
        )
        for name, variables in (("first flow", first), ("after reflow", second))
        for steps in (1, 2, 8)
    }
    ticks = np.linspace(*EXTENT[:2], 120)
    x, y = np.meshgrid(ticks, ticks)
    grid = jnp.asarray(np.stack([x.ravel(), y.ravel()], axis=1), jnp.float32)
    flow = continuous(network, integrator=fixed_steps(25))
    model = density(flow, standard_normal((2,)))
    maps = [
        target.log_prob({}, grid),
        jax.jit(model.log_prob)(join_parts({"bijector": first}), grid),
    ]
    return {
        "samples": scatter_panels(panels, extent=EXTENT, columns=3),
        "density": density_map(
            jnp.stack(maps).reshape(2, *x.shape),
            extent=EXTENT,
            titles=("true density", "rectified flow, by its ODE"),
        ),
    }


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/rectified_toy", config, build, EXPECTED)
