"""PixelCNN of your own pictures: exact bits/dim.

Pictures of any sizes become squares of `--size`, of `--levels` grey levels a colour; a
value is drawn from a mixture of logistics, given all values above it and to its left.
The likelihood of these levels is exact (bits of 256 levels are more), and the lower
halves of test pictures are drawn given the upper ones. A draw takes a pass per value:
large pictures want a GPU. The run draws new pictures (`sample RUN --out FOLDER`).
Without a folder: scikit-learn's digits.

Paper: van den Oord et al., 2016, arXiv:1606.05328; Salimans et al., 2017,
    arXiv:1701.05517
Command: python -m experiments autoregressive/custom_images --data FOLDER
Hardware: 2 CPU cores
Time: 12 minutes for 4,000 pictures at 16 x 16, beside other work
Expected: depends on the data
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.folders import FolderConfig, read_pictures, shown
from experiments.image_runs import ImageModel
from experiments.images import completer
from experiments.recipe import descent
from experiments.runner import Task, run
from genjax.autoregressive import grey_levels, pixel_cnn
from genjax.base import Density
from genjax.data import flatten, mapped
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError
from genjax.metrics import log_probs
from genjax.typing import Array, Batch, Key, Variables


@dataclass(frozen=True, kw_only=True)
class Config(FolderConfig):
    """The settings of this experiment."""

    size: int = 16
    """The side of the square images that the model sees."""
    levels: int = 32
    """Grey levels of each colour, from 2 to 256."""
    components: int = 5
    """Of the mixture of logistics that a value is drawn from."""
    width: int = 30
    """Channels of the convolutions, a multiple of the colours."""
    layers: int = 4
    """Gated layers."""
    steps: int = 3000
    batch_size: int = 32
    """Images per step."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    """Decoupled weight decay."""
    evaluate_every: int = 300


SMOKE = {
    "size": 8,
    "levels": 4,
    "components": 2,
    "width": 3,
    "layers": 1,
    "steps": 4,
    "batch_size": 8,
    "evaluate_every": 2,
}
EXPECTED: dict[str, dict[str, float]] = {}


def pixels(config: Config) -> Density:
    """Returns the density of vectors of grey levels.

    Args:
        config: the settings.

    Raises:
        InputError: there are too many or too few levels.
    """
    if not 2 <= config.levels <= 256:
        raise InputError(f"--levels must be from 2 to 256, got {config.levels}.")
    if config.width % config.shape[2]:
        raise InputError(
            f"--width must be a multiple of the {config.shape[2]} colours, got "
            f"{config.width}."
        )
    values = grey_levels(levels=config.levels, components=config.components)
    how = {"channels": config.width, "layers": config.layers}
    return pixel_cnn(shape=config.shape, conditional=values, **how)


def model(config: Config) -> ImageModel:
    """Returns the model of a configuration."""
    density = pixels(config)

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return _unit(config, density.sample(variables, key, n)[0])

    def prepare(batch: Batch) -> Batch:
        return {"x": _levels(config, batch["image"])}

    update = descent(
        config, negative_log_likelihood(density), weight_decay=config.weight_decay
    )
    return ImageModel(update, prepare, jax.jit(sample, static_argnums=2))


def _levels(config: Config, image: Any) -> Array:
    """Bytes `[n, h, w, c]` as vectors of grey levels."""
    return flatten(jnp.asarray(image, jnp.int32) * config.levels // 256)


def _unit(config: Config, x: Array) -> Array:
    """Vectors of grey levels as images in [0, 1]."""
    return x.reshape(-1, *config.shape) / (config.levels - 1)


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    density, made = pixels(config), model(config)
    pictures = read_pictures(config)
    _, validation, test = (_levels(config, part.image) for part in pictures.parts)
    dims = math.prod(config.shape)

    def bits(variables: Variables, x: Array) -> Array:
        # Values are whole: nothing is dequantised.
        return -log_probs(density, variables, x, block=50) / (dims * math.log(2))

    def evaluate(variables: Variables) -> dict[str, Any]:
        found = jax.jit(bits)(variables, test)
        return {
            **pictures.counts,
            "levels": config.levels,
            "test_bits_per_dim": found.mean(),
            "standard_error": found.std() / len(found) ** 0.5,
        }

    def completions(variables: Variables, key: Key) -> Any:
        columns, (height, width, colours) = min(12, len(test)), config.shape
        upper = np.arange(dims) < height // 2 * width * colours
        images, complete = test[:columns], completer(density, upper)
        halves = jnp.where(upper[None], images, 0.7 * (config.levels - 1))
        draws = [complete(variables, k, images) for k in jax.random.split(key, 3)]
        labels = ("test picture", "observed", *["completed"] * 3)
        rows = jnp.concatenate([images, halves, *draws])
        return shown(_unit(config, rows), columns=columns, row_labels=labels)

    return Task(
        update=made.update,
        pipeline=mapped(pictures.pipeline, made.prepare),
        validate=lambda variables: bits(variables, validation).mean(),
        unit="bits per dimension",
        loss_unit="nats",
        evaluate=evaluate,
        sample=made.sample,
        draw=lambda images: shown(images, title="samples"),
        figures=lambda variables, key: {"completions": completions(variables, key)},
        files=pictures.files,
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("autoregressive/custom_images", config, build, EXPECTED)
