"""Flows of images of grey levels: built, trained, measured, drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from experiments.config import TaskConfig
from experiments.flows._grey_levels import GreyLevels
from experiments.recipe import descent
from experiments.runner import Task
from genjax import nn
from genjax.base import Bijector, Density, Update
from genjax.data import Pipeline
from genjax.densities import standard_normal, tempered
from genjax.flows import affine, density, glow, interpolate, realnvp
from genjax.plotting import image_grid
from genjax.typing import Array, Key, Variables
from genjax.variables import part_of


@dataclass(frozen=True, kw_only=True)
class FlowConfig(TaskConfig):
    """The settings that flows of images share."""

    model: Literal["glow", "realnvp"] = "glow"
    """Which of the two flows."""
    depth: int = 8
    """Steps of Glow a scale; RealNVP takes three couplings of either kind."""
    scales: int = 2
    """How often the sides are halved."""
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


def image_flow(config: FlowConfig, shape: tuple[int, int, int]) -> Bijector:
    """The flow of a configuration.

    Args:
        config: the settings.
        shape: of an image.
    """

    def network(features: int) -> nn.ConvStack:
        return nn.ConvStack(features, (config.width, config.width))

    how = {"event_shape": shape, "levels": config.scales}
    if config.model == "glow":
        return glow(affine(), network, steps=config.depth, **how)
    return realnvp(affine(), network, **how)


def flow_density(flow: Bijector, pixels: GreyLevels) -> Density:
    """The density of encoded images."""
    return density(flow, standard_normal(pixels.event_shape))


def flow_update(config: FlowConfig, model: Density, pixels: GreyLevels) -> Update:
    """A step on batches `{"image": grey levels}`."""
    warmup = min(100, config.steps // 2)
    return descent(config, pixels.objective(model), clip=100.0, warmup=warmup)


def flow_task(
    config: FlowConfig,
    flow: Bijector,
    pixels: GreyLevels,
    pipeline: Pipeline,
    validation: Array,
    test: Array,
    *,
    draw: Callable[..., Any] = image_grid,
) -> Task:
    """A flow of images, measured in bits per dimension of their grey levels.

    Args:
        config: the settings.
        flow: of encoded images.
        pixels: how images are encoded.
        pipeline: batches `{"image"}`.
        validation: images to choose a checkpoint by.
        test: images to measure on.
        draw: of images of grey levels, as `image_grid`.
    """
    model = flow_density(flow, pixels)

    def bits(variables: Variables, image: Array) -> Array:
        rows = min(config.rows, len(image))
        return pixels.bits(model, variables, image, draws=1, rows=rows)

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return pixels.decode(model.sample(variables, key, n)[0])

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        base = standard_normal(pixels.event_shape)
        cooler = density(flow, tempered(base, temperature=0.7))
        rows = min(8, len(test) // 2)
        x, _ = pixels.encode(key, test[: 2 * rows])
        ends = x[:rows], x[rows:]
        walk = interpolate(flow, part_of(variables, "bijector"), *ends, n=8)
        walk = jnp.swapaxes(walk, 0, 1).reshape(-1, *pixels.event_shape)
        title = "from the first column to the last"
        return {
            "cooler_samples": draw(
                pixels.decode(cooler.sample(variables, key, 64)[0]),
                title="samples at temperature .7",
            ),
            "interpolation": draw(pixels.decode(walk), title=title),
        }

    return Task(
        update=flow_update(config, model, pixels),
        pipeline=pipeline,
        validate=lambda variables: bits(variables, validation),
        unit="bits per dimension",
        loss_unit="nats",
        evaluate=lambda variables: {
            "test_bits_per_dim": jax.jit(bits)(variables, test)
        },
        sample=sample,
        draw=lambda images: draw(images, title="samples"),
        figures=figures,
    )
