"""Glow or RealNVP of your own pictures: bits/dim.

Pictures of any sizes become squares of `--size`. Pixels are dequantised uniformly and
mapped by a logit; the likelihood is that of the 256 grey levels of each colour. The run
draws new pictures (`sample RUN --out FOLDER`), and gives their latents as features
(`encode RUN --data FOLDER --out FILE`). Without a folder: scikit-learn's digits.

Paper: Kingma and Dhariwal, 2018, arXiv:1807.03039; Dinh, Sohl-Dickstein and Bengio,
    2017, arXiv:1605.08803
Command: python -m experiments flows/custom --data FOLDER
Hardware: 2 CPU cores
Time: 38 minutes for 3,000 steps on pictures of 32 x 32, beside other work
Expected: depends on the data
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from experiments.flows._grey_levels import GreyLevels
from experiments.flows._image_flow import (
    FlowConfig,
    flow_density,
    flow_task,
    flow_update,
    image_flow,
)
from experiments.folders import (
    LEVELS,
    FolderConfig,
    check_size,
    read_pictures,
    shown,
)
from experiments.image_runs import ImageModel
from experiments.runner import Task, run
from genjax.typing import Array, Key, Variables
from genjax.variables import part_of


@dataclass(frozen=True, kw_only=True)
class Config(FolderConfig, FlowConfig):
    """The settings of this experiment."""

    depth: int = 4
    """Steps of Glow a scale; RealNVP takes three couplings of either kind."""
    scales: int = 3
    """How often the sides are halved."""
    width: int = 32
    """Channels of the conditioners."""
    steps: int = 1500
    batch_size: int = 32
    """Images per step."""
    learning_rate: float = 1e-3
    """Of Adam, decayed to 0 by a cosine after 100 steps of warm-up."""
    evaluate_every: int = 500
    rows: int = 50
    """Images of an evaluation at a time."""


SMOKE = {
    "size": 8,
    "depth": 1,
    "scales": 1,
    "width": 4,
    "steps": 4,
    "batch_size": 8,
    "evaluate_every": 2,
}
EXPECTED: dict[str, dict[str, float]] = {}


def pixels_of(config: Config) -> GreyLevels:
    """How pictures become points of the flow's space."""
    return GreyLevels(LEVELS, config.shape, config.shape)


def model(config: Config) -> ImageModel:
    """Returns the model of a configuration."""
    check_size(config, 2**config.scales, f"--scales {config.scales} halves it so often")
    pixels, flow = pixels_of(config), image_flow(config, config.shape)
    whole = flow_density(flow, pixels)

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return pixels.decode(whole.sample(variables, key, n)[0]) / (LEVELS - 1)

    def encode(variables: Variables, image: Array) -> Array:
        z, _ = flow.forward(part_of(variables, "bijector"), pixels.centred(image))
        return z.reshape(len(z), -1)

    return ImageModel(flow_update(config, whole, pixels), sample=sample, encode=encode)


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    model(config)  # what cannot be built is told before anything is read
    pictures = read_pictures(config)
    _, validation, test = (jnp.asarray(part.image) for part in pictures.parts)
    task = flow_task(
        config,
        image_flow(config, config.shape),
        pixels_of(config),
        pictures.pipeline,
        validation[: 10 * config.rows],
        test,
        draw=lambda levels, **how: shown(levels / (LEVELS - 1), **how),
    )
    return task._replace(files=pictures.files)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/custom", config, build, EXPECTED)
