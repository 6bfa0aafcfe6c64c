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

import jax
import jax.numpy as jnp

from experiments.config import TaskConfig
from experiments.flows._grey_levels import GreyLevels
from experiments.images import enlarged_digits, prepared_images
from experiments.recipe import descent
from experiments.runner import Task, run
from genjax import nn
from genjax.data import on_device
from genjax.densities import standard_normal, tempered
from genjax.flows import (
    affine,
    density,
    glow,
    interpolate,
    realnvp,
)
from genjax.plotting import image_grid
from genjax.typing import Array, Key, Variables
from genjax.variables import part_of

SHAPE = (28, 28, 1)
PIXELS = GreyLevels(256, (28, 28), SHAPE, margin=1e-5)


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    data: Literal["tfds", "digits"] = "tfds"
    """The prepared set mnist, or enlarged embedded digits for a trial."""
    model: Literal["glow", "realnvp"] = "glow"
    """Which of the two flows."""
    depth: int = 8
    """Steps of Glow a scale; RealNVP takes three couplings of either kind."""
    width: int = 64
    """Channels of the conditioners."""
    steps: int = 5000
    batch_size: int = 64
    """Images per step."""
    learning_rate: float = 1e-3
    """Of Adam, decayed to 0 by a cosine after 100 steps of warm-up."""
    ema: float = 0.998
    chunk: int = 1
    """The most steps per compiled chunk: in a loop, convolutions are slow on CPUs."""
    evaluate_every: int = 500
    rows: int = 500
    """Images of an evaluation at a time."""


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

    def network(features: int) -> nn.ConvStack:
        return nn.ConvStack(features, (config.width, config.width))

    flow = (
        glow(affine(), network, event_shape=SHAPE, levels=2, steps=config.depth)
        if config.model == "glow"
        else realnvp(affine(), network, event_shape=SHAPE, levels=2)
    )
    base = standard_normal(SHAPE)
    model = density(flow, base)
    splits = enlarged_digits() if config.data == "digits" else prepared_images("mnist")
    validation = jnp.asarray(splits.validation.arrays["image"][: 2 * config.rows])
    test = jnp.asarray(splits.test.arrays["image"])

    def bits(variables: Variables, image: Array) -> Array:
        return PIXELS.bits(model, variables, image, draws=1, rows=config.rows)

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return PIXELS.decode(model.sample(variables, key, n)[0])

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        cooler = density(flow, tempered(base, temperature=0.7))
        x, _ = PIXELS.encode(key, test[:16])
        walk = interpolate(flow, part_of(variables, "bijector"), x[:8], x[8:], n=8)
        walk = jnp.swapaxes(walk, 0, 1).reshape(-1, *SHAPE)
        return {
            "cooler_samples": image_grid(
                PIXELS.decode(cooler.sample(variables, key, 64)[0]),
                title="samples at temperature .7",
            ),
            "interpolation": image_grid(
                PIXELS.decode(walk), title="from the first column to the last"
            ),
        }

    return Task(
        update=descent(
            config,
            PIXELS.objective(model),
            clip=100.0,
            warmup=min(100, config.steps // 2),
        ),
        pipeline=on_device(
            splits.train, batch_size=config.batch_size, seed=config.seed
        ),
        validate=lambda variables: bits(variables, validation),
        unit="bits per dimension",
        loss_unit="nats",
        evaluate=lambda variables: {
            "test_bits_per_dim": jax.jit(bits)(variables, test)
        },
        sample=sample,
        draw=lambda images: image_grid(images, title="samples"),
        figures=figures,
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/mnist", config, build, EXPECTED)
