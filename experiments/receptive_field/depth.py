"""Effective against theoretical fields of stacks.

Stacks of 3 x 3 convolutions with random weights: plain ones, with dilation, with
shortcuts, with strides. The theoretical field grows with the depth, the effective one
with its root; uniform weights have the published width.

Paper: Luo, Li, Urtasun and Zemel, 2016, arXiv:1701.04128
Command: python -m experiments receptive_field/depth --check
Hardware: 2 CPU cores
Time: 51 seconds
Expected: widths of uniform stacks of 5, 10, 20 and 40 layers: 8.31, 11.70, 16.16, 22.74
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from experiments.config import RunConfig
from experiments.runner import Study, run
from genjax.errors import InputError
from genjax.plotting import curves, field_maps
from genjax.receptive_field import effective, receptive_field
from genjax.typing import Array

PUBLISHED = {5: 8.31, 10: 11.70, 20: 16.16, 40: 22.74}
LAYOUT = ("NHWC", "HWIO", "NHWC")
KINDS = ("plain", "relu", "dilated", "shortcuts", "strided")


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    depths: tuple[int, ...] = (2, 4, 8, 16)
    """Layers of the stacks, a multiple of 2."""
    width: int = 4
    """Channels."""
    side: int = 161
    """Of the images, in pixels."""
    draws: int = 16
    """Of the images and of the weights."""


SMOKE = {"depths": (2, 4), "width": 2, "side": 65, "draws": 2}
EXPECTED = {
    f"uniform_{layers}_width": {"value": width, "tolerance": 0.01}
    for layers, width in PUBLISHED.items()
}


def stack(kind: str) -> Callable[[Any, Array], Array]:
    """A stack of one kind, `(kernels [layers, 3, 3, c, c], images) -> feature map`."""

    def network(kernels: Array, x: Array) -> Array:
        for place, kernel in enumerate(kernels):
            dilation = place % 3 + 1 if kind == "dilated" else 1
            stride = 2 if kind == "strided" and place in (1, 3) else 1
            y = jax.lax.conv_general_dilated(
                x,
                kernel,
                (stride, stride),
                "SAME",
                rhs_dilation=(dilation, dilation),
                dimension_numbers=LAYOUT,
            )
            y = y if kind == "plain" else jax.nn.relu(y)
            x = x + y if kind == "shortcuts" else y
        return x

    return network


def measured(config: Config, kind: str, layers: int) -> tuple[Any, Any]:
    """The theoretical and the effective field of the unit in the middle."""
    shape = (layers, 3, 3, config.width, config.width)
    keys = jax.random.split(jax.random.key(config.seed), config.draws)
    scale = (2 / (9 * config.width)) ** 0.5
    kernels = jax.vmap(lambda k: scale * jax.random.normal(k, shape))(keys)
    image = (config.side, config.side, config.width)
    x = jax.random.normal(jax.random.key(config.seed + 1), (config.draws, *image))
    network = stack(kind)
    field = receptive_field(
        lambda x, kernels: network(kernels, x), (1, *image), kernels[0]
    )
    middle = tuple(len(units) // 2 for units in field.seen)
    return field, effective(network, kernels, x, middle, each=True)


def uniform(layers: int) -> float:
    """The width of a stack of kernels of ones."""
    kernels, side = jnp.ones((layers, 3, 3, 1, 1)) / 9, 2 * layers + 21
    x, middle = jnp.ones((1, side, side, 1)), (side // 2, side // 2)
    return effective(stack("plain"), kernels, x, middle).width


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    if any(depth % 2 for depth in config.depths):
        raise InputError(f"--depths must be multiples of 2, got {config.depths}.")

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        metrics: dict[str, Any] = {
            f"uniform_{layers}_width": uniform(layers) for layers in PUBLISHED
        }
        wide: dict[str, Any] = {}
        maps, boxes = {}, {}
        for kind in KINDS:
            found = [measured(config, kind, layers) for layers in config.depths]
            for layers, (field, own) in zip(config.depths, found, strict=True):
                metrics[f"{kind}_{layers}_theoretical"] = field.size[0]
                metrics[f"{kind}_{layers}_effective"] = own.width
            wide[kind] = config.depths, [own.width for _, own in found]
            field, own = found[-1]
            middle = tuple(len(units) // 2 for units in field.seen)
            (top, bottom), (left, right) = field.interval(middle)
            title = f"{kind}, {config.depths[-1]} layers"
            maps[title] = own.map
            boxes[title] = (left, top, right + 1, bottom + 1)
        return metrics, {
            "widths": curves(wide, xlabel="layers", ylabel="effective width, pixels"),
            "maps": field_maps(maps, boxes=boxes, columns=len(maps)),
        }

    return Study(measure)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("receptive_field/depth", config, build, EXPECTED)
