"""Glow or RealNVP on MNIST: bits/dim, walks.

The 60,000 training images are cut into 55,000 and 5,000 for validation; the 10,000 test
images are those of the set. Pixels are dequantised uniformly and mapped by a logit; the
likelihood is that of the 256 grey levels.

Paper: Kingma and Dhariwal, 2018, arXiv:1807.03039; Dinh, Sohl-Dickstein and Bengio,
    2017, arXiv:1605.08803
Command: python -m experiments flows/mnist --check
Hardware: 2 CPU cores
Time: 11 minutes
Expected: <= 1.6 bits/dim; published with days of GPU: Glow 1.05, RealNVP 1.06
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp

from experiments.flows._grey_levels import GreyLevels
from experiments.flows._image_flow import FlowConfig, flow_task, image_flow
from experiments.images import enlarged_digits, prepared_images
from experiments.runner import Task, run
from genjax.data import on_device

SHAPE = (28, 28, 1)
PIXELS = GreyLevels(256, (28, 28), SHAPE, margin=1e-5)


@dataclass(frozen=True, kw_only=True)
class Config(FlowConfig):
    """The settings of this experiment."""

    data: Literal["tfds", "digits"] = "tfds"
    """The prepared set mnist, or enlarged embedded digits for a trial."""


SMOKE = {
    "data": "digits",
    "depth": 1,
    "width": 4,
    "steps": 4,
    "batch_size": 8,
    "evaluate_every": 2,
    "rows": 60,
}
EXPECTED = {"test_bits_per_dim": {"at_most": 1.6}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    splits = enlarged_digits() if config.data == "digits" else prepared_images("mnist")
    validation = jnp.asarray(splits.validation.arrays["image"][: 2 * config.rows])
    return flow_task(
        config,
        image_flow(config, SHAPE),
        PIXELS,
        on_device(splits.train, batch_size=config.batch_size, seed=config.seed),
        validation,
        jnp.asarray(splits.test.arrays["image"]),
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/mnist", config, build, EXPECTED)
