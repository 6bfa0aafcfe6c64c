"""Receptive fields of known networks, as published.

The networks are those of TF-slim: a stride stands in the last unit of a ResNet's block.
Only their shapes matter here, so their weights are ones that are never multiplied.

Paper: Araujo, Norris and Sim, 2019, Computing receptive fields of convolutional neural
    networks
Command: python -m experiments receptive_field/zoo --check
Hardware: 2 CPU cores
Time: 8 seconds
Expected: size, stride and padding of all seven as published; ResNet-50 in 2 seconds
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from experiments.config import RunConfig
from experiments.runner import Study, run
from genjax.plotting import nested_squares
from genjax.receptive_field import receptive_field
from genjax.typing import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    side: int = 1024
    """Of the square images, in pixels, for networks that see less than half of it; four
    times as many for others."""


SMOKE: dict[str, Any] = {}
PUBLISHED = {
    "alexnet_v2": (195, 32, 64),
    "vgg_16": (212, 32, 90),
    "mobilenet_v1": (315, 32, 126),
    "resnet_v1_50": (483, 32, 239),
    "resnet_v1_101": (1027, 32, 511),
    "resnet_v1_152": (1507, 32, 751),
    "resnet_v1_200": (1763, 32, 879),
}
"""Size, stride and padding."""
EXPECTED = {
    **{f"{name}_error": {"at_most": 0} for name in PUBLISHED},
    "resnet_v1_50_seconds": {"at_most": 2.0},
}


def conv(
    x: Array,
    width: int,
    size: int,
    stride: int = 1,
    padding: str = "SAME",
    groups: int = 1,
) -> Array:
    """A convolution with weights of ones, and a ReLU."""
    kernel = jnp.ones((size, size, x.shape[-1] // groups, width))
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        padding,
        dimension_numbers=LAYOUT,
        feature_group_count=groups,
    )
    return jax.nn.relu(y)


def pool(x: Array, size: int, stride: int, padding: str = "VALID") -> Array:
    """Maxima of windows."""
    window, strides = (1, size, size, 1), (1, stride, stride, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, padding)


def alexnet_v2(x: Array) -> Array:
    """Krizhevsky, 2014, arXiv:1404.5997."""
    x = pool(conv(x, 64, 11, 4, "VALID"), 3, 2)
    x = pool(conv(x, 192, 5), 3, 2)
    x = conv(conv(conv(x, 384, 3), 384, 3), 256, 3)
    return pool(x, 3, 2)


def vgg_16(x: Array) -> Array:
    """Simonyan and Zisserman, 2015, arXiv:1409.1556."""
    for width, layers in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(layers):
            x = conv(x, width, 3)
        x = pool(x, 2, 2)
    return x


def mobilenet_v1(x: Array) -> Array:
    """Howard et al., 2017, arXiv:1704.04861."""
    x = conv(x, 32, 3, 2)
    blocks = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
    for width, stride in (*blocks, *((512, 1),) * 5, (1024, 2), (1024, 1)):
        x = conv(x, x.shape[-1], 3, stride, groups=x.shape[-1])
        x = conv(x, width, 1)
    return x


def resnet_v1(x: Array, *, units: tuple[int, int, int, int]) -> Array:
    """He et al., 2016, arXiv:1512.03385."""
    x = pool(conv(_fixed_padding(x, 7), 64, 7, 2, "VALID"), 3, 2, "SAME")
    stages = zip((64, 128, 256, 512), units, (2, 2, 2, 1), strict=True)
    for width, count, stride in stages:
        for unit in range(count):
            x = _bottleneck(x, width, stride if unit == count - 1 else 1)
    return x


def _bottleneck(x: Array, width: int, stride: int) -> Array:
    y = conv(x, width, 1)
    if stride > 1:
        y = conv(_fixed_padding(y, 3), width, 3, stride, "VALID")
    else:
        y = conv(y, width, 3)
    y = conv(y, 4 * width, 1)
    if x.shape[-1] != 4 * width:
        return conv(x, 4 * width, 1, stride) + y
    return x[:, ::stride, ::stride] + y


def _fixed_padding(x: Array, size: int) -> Array:
    low = (size - 1) // 2
    high = size - 1 - low
    return jnp.pad(x, ((0, 0), (low, high), (low, high), (0, 0)))


ZOO: dict[str, Callable[[Array], Array]] = {
    "alexnet_v2": alexnet_v2,
    "vgg_16": vgg_16,
    "mobilenet_v1": mobilenet_v1,
    "resnet_v1_50": partial(resnet_v1, units=(3, 4, 6, 3)),
    "resnet_v1_101": partial(resnet_v1, units=(3, 4, 23, 3)),
    "resnet_v1_152": partial(resnet_v1, units=(3, 8, 36, 3)),
    "resnet_v1_200": partial(resnet_v1, units=(3, 24, 36, 3)),
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        metrics: dict[str, Any] = {}
        sizes = {}
        for name, network in ZOO.items():
            start = time.perf_counter()
            side = config.side * (1 if 2 * PUBLISHED[name][0] < config.side else 4)
            field = receptive_field(network, (1, side, side, 3))
            metrics[f"{name}_seconds"] = time.perf_counter() - start
            found = (field.size[0], field.stride[0], field.padding[0])
            for part, value in zip(("size", "stride", "padding"), found, strict=True):
                metrics[f"{name}_{part}"] = value
            pairs = zip(found, PUBLISHED[name], strict=True)
            metrics[f"{name}_error"] = sum(abs(a - b) for a, b in pairs)
            sizes[name] = found[0]
        return metrics, {"fields": nested_squares(sizes)}

    return Study(measure)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("receptive_field/zoo", config, build, EXPECTED)
