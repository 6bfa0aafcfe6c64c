"""A relativistic GAN of your own pictures.

Pictures of any sizes become squares of `--size`; subfolders are classes. What the
discriminator sees is shifted and recoloured at random, and mirrored with `--mirror`, so
that a small set is not learnt by heart. Samples are compared with pictures held back
from training: in the features of a classifier of the classes, where there are some, and
otherwise along the leading principal components of the pixels. The run draws new
pictures (`sample RUN --out FOLDER`). Without a folder: scikit-learn's digits.

Paper: Huang et al., 2025, arXiv:2501.05441; Zhao et al., 2020, arXiv:2006.10738
Command: python -m experiments gan/custom --data FOLDER
Hardware: 2 CPU cores
Time: 20 minutes for 4,000 pictures at 32 x 32, beside other work
Expected: depends on the data
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp

from experiments.folders import (
    FolderConfig,
    Part,
    check_side,
    read_pictures,
    scaled,
    shown,
)
from experiments.gan import _images
from experiments.gan._features import pixel_features
from experiments.image_runs import ImageModel
from experiments.runner import Task, run
from genjax.augment import colour, mirror, translation
from genjax.data import Splits, mapped
from genjax.gan import diff_augment
from genjax.typing import Array, Key, Variables

LEAST = 24
"""Images to measure on: a half has a sixth nearest neighbour, and three components."""


@dataclass(frozen=True, kw_only=True)
class Config(FolderConfig, _images.ImageConfig):
    """The settings of this experiment."""

    model: Literal["mlp", "dcgan", "resnet"] = "dcgan"
    """The pair of networks."""
    width: int = 32
    """Channels of the largest layer, or units of the hidden ones."""
    mirror: bool = False
    """Show the discriminator mirrored pictures too, where they are as good."""
    augment: bool = True
    """Shift and recolour at random what the discriminator sees."""
    steps: int = 4000
    batch_size: int = 64
    """Images per step."""
    learning_rate: float = 5e-4
    evaluate_every: int = 500


SMOKE = {**_images.SMOKE, "size": 8, "width": 4}
EXPECTED: dict[str, dict[str, float]] = {}


def players(config: Config) -> _images.ImagePlayers:
    """Returns the pair that is trained."""
    transforms = [mirror()] * config.mirror
    if config.augment:
        transforms += [colour(), translation()]
    augment = diff_augment(*transforms) if transforms else None
    return _images.image_players(config, config.shape, augment)


def model(config: Config) -> ImageModel:
    """Returns the model of a configuration."""
    if config.model != "mlp":
        check_side(config)
    pair = players(config)

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return (pair.sample(variables, key, n) + 1) / 2

    return ImageModel(pair.update, scaled, sample)


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    made, pictures = model(config), read_pictures(config, least=LEAST)
    parts = Splits(*map(_labelled, pictures.parts))
    judge = _images.classifier(config, parts) if pictures.has_classes else None
    least = min(len(parts.validation.label), len(parts.test.label) // 2)
    features = (
        pixel_features(parts.train.image, least // 4)
        if judge is None
        else judge.features
    )
    task = _images.measured_task(
        config,
        players(config),
        mapped(pictures.pipeline, made.prepare),
        parts,
        features,
        judge,
        draw=lambda images, **how: shown((images + 1) / 2, **how),
    )

    def evaluate(variables: Variables) -> dict[str, Any]:
        return {**pictures.counts, **task.evaluate(variables)}

    return task._replace(evaluate=evaluate, files=pictures.files)


def _labelled(part: Part) -> _images.Labelled:
    return _images.Labelled(scaled(part._asdict())["x"], jnp.asarray(part.label))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/custom", config, build, EXPECTED)
