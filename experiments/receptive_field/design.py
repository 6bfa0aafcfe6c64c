"""The receptive field of a network of your own.

`--network` names a function of images by its import path, or a Flax Linen module, whose
weights are never allocated. A row for every layer, its field, its stride and what else
it sees; the sizes of images that all layers can use; and the fields of the output.
Without a network: the pyramid of this library's detectors.

Paper: Araujo, Norris and Sim, 2019, Computing receptive fields of convolutional neural
    networks; Richter et al., 2021, arXiv:2106.12307
Command: python -m experiments receptive_field/design --network my_module:my_network
Hardware: 2 CPU cores
Time: 5 seconds
Expected: depends on the network
"""

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import pyarrow as pa
from flax import linen

from experiments.config import RunConfig
from experiments.runner import Study, run
from genjax import nn
from genjax.data import write_frame
from genjax.errors import InputError
from genjax.plotting import levels
from genjax.receptive_field import Field, layerwise, receptive_field, useful_range


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    network: str = ""
    """MODULE:NAME of a function of images, a Flax module, or a class of them that takes
    no arguments; the library's pyramid of features when empty."""
    side: int = 512
    """Of the square images that the network sees, in pixels."""
    channels: int = 3
    """Of the images."""


SMOKE: dict[str, Any] = {"side": 256}
EXPECTED: dict[str, dict[str, float]] = {}


class Pyramid(linen.Module):
    """A backbone, and a pyramid of its features."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        """Maps images to levels, the finest first."""
        features = nn.PyramidBackbone(widths=(16, 32, 64), levels=2, stem=2)(x)
        return nn.FPN(features=32)(features)


def load_network(path: str) -> Any:
    """Imports what a path names.

    Raises:
        InputError: there is no such module, or no such name in it.
    """
    module, colon, name = path.partition(":")
    if not colon:
        raise InputError(f"--network must be MODULE:NAME, got {path!r}.")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"--network {path}: {error}.") from error
    return found() if inspect.isclass(found) else found


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    network = load_network(config.network) if config.network else Pyramid()
    shape = (1, config.side, config.side, config.channels)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        rows = layerwise(network, shape)
        if not config.resume:
            write_frame(_table(rows), folder / "layers.csv")
        fields = jax.tree.leaves(
            receptive_field(network, shape), is_leaf=lambda x: isinstance(x, Field)
        )
        useful = useful_range(network, shape)
        metrics: dict[str, Any] = {
            "layers": len(rows),
            "weights": sum(row.weights for row in rows),
            "smallest_image": useful.smallest,
            "largest_useful_image": useful.largest,
            "layers_beyond_the_image": len(useful.idle),
        }
        for level, field in enumerate(fields):
            metrics[f"output_{level}_size"] = field.size[0]
            metrics[f"output_{level}_stride"] = float(field.stride[0])
            metrics[f"output_{level}_padding"] = float(field.padding[0])
            metrics[f"output_{level}_joins"] = len(field.joins)
            metrics[f"output_{level}_unknown"] = len(field.unknown)
        sides = {row.name: [row.size[0]] for row in rows if row.size[0] is not None}
        ladder = levels(sides, xlabel="side of the field, pixels")
        return metrics, {"fields_by_layer": ladder}

    return Study(measure)


def _table(rows: Any) -> pa.Table:
    """A row for every layer."""
    return pa.table(
        {
            "layer": [row.name for row in rows],
            "output": [" x ".join(map(str, row.shape)) for row in rows],
            "field": [row.size[0] for row in rows],
            "stride": [
                None if row.stride[0] is None else float(row.stride[0]) for row in rows
            ],
            "weights": [row.weights for row in rows],
            "context": ["; ".join(row.context) for row in rows],
        }
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("receptive_field/design", config, build, EXPECTED)
