"""RealNVP on two moons, against their true entropy.

Fresh points every step; the gap is the mean of `log p_true - log p_model` over 20,000
test points, so the noise of the points cancels.

Paper: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803
Command: python -m experiments flows/realnvp_moons --check
Hardware: 2 CPU cores
Time: 44 seconds
Expected: gap <= .014 nats
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TaskConfig
from experiments.recipe import descent
from experiments.runner import Task, run
from genjax import nn
from genjax.data import generated
from genjax.densities import negative_log_likelihood, standard_normal, two_moons
from genjax.flows import (
    affine,
    chain,
    coupling,
    density,
    repeat,
    reverse,
)
from genjax.plotting import density_map, scatter_panels
from genjax.typing import Array, Key, Variables


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    layers: int = 16
    """Coupling layers."""
    width: int = 64
    """Of the two hidden layers of a coupling's network."""
    noise: float = 0.05
    """Standard deviation of the moons' noise."""
    steps: int = 5000
    batch_size: int = 512
    """Fresh points per step."""
    learning_rate: float = 4e-3
    ema: float = 0.998
    evaluate_every: int = 1000


SMOKE = {"layers": 2, "width": 8, "steps": 40, "batch_size": 64, "evaluate_every": 20}
EXPECTED = {"gap": {"at_most": 0.014}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    moons = two_moons(noise=config.noise)
    network = nn.MLP(
        features=2,
        hidden=(config.width, config.width),
        activation=jax.nn.silu,
        output_init=jax.nn.initializers.zeros,
    )
    layer = chain(coupling(affine(), network, split=1), reverse())
    model = density(repeat(layer, config.layers), standard_normal((2,)))
    key = jax.random.key(1_000_003)
    test, test_log_prob = moons.sample({}, key, 20_000)

    def gap(variables: Variables) -> Array:
        return jnp.mean(test_log_prob - model.log_prob(variables, test))

    def evaluate(variables: Variables) -> dict[str, Any]:
        value = jax.jit(gap)(variables)
        entropy = -jnp.mean(test_log_prob)
        return {"gap": value, "entropy": entropy, "test_nll": entropy + value}

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        extent = (-1.5, 2.5, -1.0, 1.5)
        x, y = np.meshgrid(np.linspace(*extent[:2], 240), np.linspace(*extent[2:], 150))
        grid = jnp.stack([x.ravel(), y.ravel()], axis=1)
        maps = [moons.log_prob({}, grid), model.log_prob(variables, grid)]
        points = model.sample(variables, key, 2000)[0]
        return {
            "density": density_map(
                jnp.stack(maps).reshape(2, *x.shape),
                extent=extent,
                points=points,
                titles=("true density", "RealNVP", "samples of RealNVP"),
            )
        }

    return Task(
        update=descent(config, negative_log_likelihood(model), clip=1.0),
        pipeline=generated(
            lambda key: {"x": moons.sample({}, key, config.batch_size)[0]},
            seed=config.seed,
        ),
        validate=gap,
        evaluate=evaluate,
        sample=lambda variables, key, n: model.sample(variables, key, n)[0],
        draw=_scatter,
        figures=figures,
        baselines=dict,
    )


def _scatter(points: Any) -> Any:
    return scatter_panels({"samples": points}, extent=(-1.5, 2.5, -1.0, 1.5))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/realnvp_moons", config, build, EXPECTED)
