"""A spline flow on five densities of known entropy.

Fresh points every step; the gap is the mean of `log p_true - log p_model` over 20,000
test points, so the noise of the points cancels. The seeds of a density are one vmapped
program.

Paper: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032
Command: python -m experiments flows/toy --check
Hardware: 2 CPU cores
Time: 6 minutes, three seeds of each density
Expected: gaps <= .008 nats on moons and eight normals, <= .06 on the checkerboard
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TrainConfig
from experiments.recipe import descent
from experiments.runner import Study, run, train_stage
from genjax import nn
from genjax.base import Density
from genjax.data import generated
from genjax.densities import (
    checkerboard,
    eight_gaussians,
    gaussian_grid,
    negative_log_likelihood,
    spirals,
    standard_normal,
    two_moons,
)
from genjax.flows import (
    actnorm,
    chain,
    coupling,
    density,
    rational_quadratic_spline,
    repeat,
    reverse,
)
from genjax.plotting import density_map
from genjax.training import ensemble
from genjax.typing import Array, Variables


@dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The settings of this experiment."""

    seeds: int = 3
    """How many seeds to train side by side, as one vmapped program."""
    layers: int = 4
    """Coupling layers."""
    bins: int = 16
    """Of the splines."""
    width: int = 64
    """Of the two hidden layers of a coupling's network."""
    steps: int = 4000
    """Training steps per density."""
    batch_size: int = 512
    """Fresh points per step."""
    learning_rate: float = 3e-3
    ema: float = 0.995
    points: int = 20_000
    """Test points."""


SMOKE = {
    "seeds": 2,
    "layers": 2,
    "bins": 4,
    "width": 8,
    "steps": 20,
    "batch_size": 64,
    "points": 256,
}
EXPECTED = {
    "gap_moons": {"at_most": 0.008},
    "gap_eight_gaussians": {"at_most": 0.008},
    "gap_checkerboard": {"at_most": 0.06},
}
TARGETS = {
    "moons": (two_moons(), (-1.5, 2.5, -1.0, 1.5)),
    "eight_gaussians": (eight_gaussians(), (-4.5, 4.5, -4.5, 4.5)),
    "checkerboard": (checkerboard(), (-4.5, 4.5, -4.5, 4.5)),
    "spirals": (spirals(), (-3.5, 3.5, -3.5, 3.5)),
    "grid": (gaussian_grid(scale=0.2), (-5.5, 5.5, -5.5, 5.5)),
}
"""Each density, and the part of the plane that is drawn."""


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    spline = rational_quadratic_spline(bins=config.bins)
    network = nn.MLP(
        features=spline.size,
        hidden=(config.width, config.width),
        activation=jax.nn.silu,
        output_init=jax.nn.initializers.zeros,
    )
    layer = chain(coupling(spline, network, split=1), reverse())
    flow = chain(actnorm(), repeat(layer, config.layers))
    model = density(flow, standard_normal((2,)))

    def train(folder: Path, target: Density) -> Variables:
        update = descent(config, negative_log_likelihood(model), clip=1.0)
        return train_stage(
            folder,
            ensemble(update, config.seeds),
            generated(
                lambda key: {"x": target.sample({}, key, config.batch_size)[0]},
                seed=config.seed,
            ),
            config=config,
            steps=config.steps,
        )

    def gaps(variables: Variables, target: Density) -> tuple[Array, Array]:
        """The gap of every seed, and the entropy as the test points have it."""
        x, log_prob = target.sample({}, jax.random.key(1_000_003), config.points)

        def of_seed(variables: Variables) -> Array:
            return jnp.mean(log_prob - model.log_prob(variables, x))

        return jax.jit(jax.vmap(of_seed))(variables), -log_prob.mean()

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, figures = {}, {}
        for name, (target, extent) in TARGETS.items():
            variables = train(folder / name, target)
            each, entropy = gaps(variables, target)
            metrics[f"gap_{name}"] = each.mean()
            metrics[f"gap_{name}_worst_seed"] = each.max()
            metrics[f"entropy_{name}"] = entropy
            first = jax.tree.map(lambda leaf: leaf[0], variables)
            figures[name] = _density_figure(model, first, target, extent)
        return metrics, figures

    return Study(measure, takes_seeds=True)


def _density_figure(
    model: Density,
    variables: Variables,
    target: Density,
    extent: tuple[float, float, float, float],
) -> Any:
    x, y = np.meshgrid(np.linspace(*extent[:2], 200), np.linspace(*extent[2:], 200))
    grid = jnp.asarray(np.stack([x.ravel(), y.ravel()], axis=1), jnp.float32)
    maps = [target.log_prob({}, grid), jax.jit(model.log_prob)(variables, grid)]
    return density_map(
        jnp.stack(maps).reshape(2, *x.shape),
        extent=extent,
        points=model.sample(variables, jax.random.key(0), 2000)[0],
        titles=("true density", "spline flow", "samples of the flow"),
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/toy", config, build, EXPECTED)
