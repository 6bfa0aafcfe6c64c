"""GANs of labelled images, measured in the features of a classifier."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TaskConfig
from experiments.gan._features import Classifier, Features, train_classifier
from experiments.gan._recipe import relativistic, sampler, side_by_side
from experiments.images import enlarged_digits, prepared_images
from experiments.runner import Task
from genjax import nn
from genjax.base import NetworkLike, Update
from genjax.data import ArraySource, Pipeline, Splits, on_device
from genjax.densities import standard_normal
from genjax.gan import Augmentation
from genjax.metrics import (
    classifier_score,
    frechet_distance,
    kernel_distance,
    memorization,
    nearest,
    nearest_neighbour_accuracy,
    precision_recall_density_coverage,
    sliced_wasserstein,
    with_floor,
)
from genjax.plotting import image_grid
from genjax.typing import Array, Key, Variables


@dataclass(frozen=True, kw_only=True)
class ImageConfig(TaskConfig):
    """The settings that the experiments on images share."""

    model: Literal["mlp", "dcgan", "resnet"] = "mlp"
    """The pair of networks."""
    width: int = 512
    """Units of the hidden layers, or channels of the convolutions."""
    latent: int = 64
    """Dimensions of the noise."""
    gamma: float = 1.0
    """Weight of the R1 and R2 penalties."""
    steps: int = 6000
    """Training steps of both players."""
    batch_size: int = 128
    """Images per step."""
    learning_rate: float = 1e-3
    """Of both Adams, decayed to 0 by a cosine."""
    ema: float = 0.998
    """Decay of the averaged generator that is evaluated."""
    evaluate_every: int = 1000
    chunk: int = 1
    """The most steps per compiled chunk: in a loop, convolutions are slow on CPUs."""
    classifier_steps: int = 2500
    """Training steps of the classifier in whose features images are measured."""


SMOKE = {
    "width": 16,
    "latent": 8,
    "steps": 4,
    "batch_size": 16,
    "evaluate_every": 2,
    "classifier_steps": 5,
}


@dataclass(frozen=True, kw_only=True)
class PreparedConfig(ImageConfig):
    """The settings of an experiment on a set that TFDS prepared."""

    data: Literal["tfds", "digits"] = "tfds"
    """The prepared set, or enlarged embedded digits for a trial."""


PREPARED_SMOKE = {**SMOKE, "data": "digits"}


class Labelled(NamedTuple):
    """Images `[n, h, w, c]` in [-1, 1] and their labels `[n]`."""

    image: Array
    label: Array


def prepared_task(config: PreparedConfig, name: str) -> Task:
    """The task of a set that TFDS prepared, or of the digits in its place."""
    embedded = config.data == "digits"
    splits = enlarged_digits() if embedded else prepared_images(name)
    return image_task(config, splits, levels=256)


def image_task(
    config: ImageConfig, splits: Splits[ArraySource], *, levels: int
) -> Task:
    """A relativistic GAN with R1 and R2 on labelled images, judged by a classifier.

    Args:
        config: the settings.
        splits: sources with the fields `image` `[n, h, w]` or `[n, h, w, c]` and
            `label`.
        levels: how many values a pixel has.
    """
    parts = Splits(*(_labelled(part, levels) for part in splits))
    judge = classifier(config, parts)
    source = ArraySource({"x": np.asarray(parts.train.image)})
    return measured_task(
        config,
        image_players(config, _shape(parts.train.image)),
        on_device(source, batch_size=config.batch_size, seed=config.seed),
        parts,
        judge.features,
        judge,
    )


def classifier(config: ImageConfig, parts: Splits[Labelled]) -> Classifier:
    """Trains the classifier in whose features images are measured."""
    return train_classifier(
        parts.train,
        parts.test,
        steps=config.classifier_steps,
        title=config.title("classifier, for its features"),
    )


class ImagePlayers(NamedTuple):
    """A generator and a discriminator, trained by the relativistic recipe."""

    update: Update
    sample: Callable[[Variables, Key, int], Array]


def image_players(
    config: ImageConfig,
    shape: tuple[int, int, int],
    augment: Augmentation | None = None,
) -> ImagePlayers:
    """The pair of networks of a configuration.

    Args:
        config: the settings.
        shape: of an image.
        augment: of what the discriminator sees.
    """
    generator, discriminator = networks(config, shape)
    latent = standard_normal((config.latent,))
    return ImagePlayers(
        relativistic(config, generator, discriminator, latent, augment=augment),
        sampler(generator, latent),
    )


def measured_task(
    config: ImageConfig,
    players: ImagePlayers,
    pipeline: Pipeline,
    parts: Splits[Labelled],
    features: Features,
    judge: Classifier | None = None,
    *,
    draw: Callable[..., Any] = image_grid,
) -> Task:
    """A GAN of images, measured in a space of features.

    Args:
        config: the settings.
        players: what is trained, and sampled.
        pipeline: batches `{"x"}` in [-1, 1].
        parts: images to compare with.
        features: the space.
        judge: the classifier of labelled images.
        draw: of images in [-1, 1], as `image_grid`.
    """
    train, validation, test = parts
    of_validation, sample = features(validation.image), players.sample

    def monitor(variables: Variables) -> dict[str, Array]:
        fakes = sample(variables, jax.random.key(1_000_003), len(validation.image))
        own = features(fakes)
        found = precision_recall_density_coverage(of_validation, own)
        shown = {
            "frechet": frechet_distance(of_validation, own),
            "coverage": found.coverage,
        }
        if judge is not None:
            score = classifier_score(judge.logits(fakes))
            shown["marginal_entropy"] = score.marginal_entropy
        return shown

    def evaluate(variables: Variables) -> dict[str, Any]:
        key = jax.random.key(1_000_005)
        fakes = jax.jit(sample, static_argnums=2)(variables, key, len(test.image) // 2)
        return measure(fakes, features, judge, train, test)

    def beside(variables: Variables, key: Key) -> Any:
        """Samples, and the training images nearest to them in the space."""
        fakes = sample(variables, key, 16)
        place, _ = nearest(features(fakes), features(train.image))
        pairs = jnp.concatenate([fakes, train.image[place]])
        labels = ("sample", "nearest training image")
        return draw(pairs, columns=len(fakes), row_labels=labels)

    return Task(
        update=players.update,
        pipeline=pipeline,
        validate=lambda variables: monitor(variables)["frechet"],
        unit="Frechet distance",
        loss_unit="loss",
        evaluate=evaluate,
        sample=sample,
        draw=lambda images: draw(images, title="samples"),
        draw_over_time=partial(_over_time, draw),
        figures=lambda variables, key: {"nearest": beside(variables, key)},
        monitor=monitor,
        kept=64,
    )


def networks(
    config: ImageConfig, shape: tuple[int, int, int]
) -> tuple[NetworkLike, NetworkLike]:
    """Returns the generator and the discriminator of a configuration."""
    side, _, channels = shape
    if config.model == "dcgan":
        return (
            nn.DCGANGenerator(side, channels, config.width),
            nn.DCGANDiscriminator(config.width, norm=False),
        )
    if config.model == "resnet":
        return (
            nn.ResNetGenerator(side, channels, config.width),
            nn.ResNetDiscriminator(config.width),
        )
    hidden = (config.width,) * 2
    size = side * side * channels
    return (
        nn.ImageMLP(nn.MLP(features=size, hidden=hidden), shape),
        nn.Joint(nn.MLP(features=1, hidden=hidden)),
    )


def measure(
    fakes: Array,
    features: Features,
    judge: Classifier | None,
    train: Labelled,
    test: Labelled,
) -> dict[str, Any]:
    """Measures fakes against a half of the test set, and the other half in their place.

    Args:
        fakes: `[n, h, w, c]`, at least half as many as test images.
        features: the space in which distances are taken.
        judge: the classifier of labelled images.
        train: what the generator was trained on.
        test: other data.
    """
    of_test, of_fakes = features(test.image), features(fakes)
    lines = jax.random.key(1_000_006)
    metrics: Mapping[str, Callable[[Array, Array], Any]] = {
        "frechet": frechet_distance,
        "kernel": kernel_distance,
        "sliced_wasserstein": partial(sliced_wasserstein, lines),
        "one_nn_accuracy": nearest_neighbour_accuracy,
        "": lambda x, y: precision_recall_density_coverage(x, y)._asdict(),
    }
    found: dict[str, Any] = {}
    for name, metric in metrics.items():
        cut = jax.random.key(1_000_007)
        both = with_floor(jax.jit(metric), cut, of_test, of_fakes)
        several = {
            row: value if isinstance(value, dict) else {name: value}
            for row, value in (("", both.value), ("_floor", both.floor))
        }
        found |= side_by_side(several)
    found["memorization"] = memorization(of_fakes, features(train.image), of_test)
    if judge is None:
        return found
    for suffix, images in (("", fakes), ("_floor", test.image)):
        score = classifier_score(judge.logits(images))
        found[f"classifier_score{suffix}"] = score.score
        found[f"marginal_entropy{suffix}"] = score.marginal_entropy
    return {"classifier_accuracy": judge.accuracy, **found}


def _labelled(source: ArraySource, levels: int) -> Labelled:
    image = jnp.asarray(source.arrays["image"], jnp.float32)
    image = image if image.ndim == 4 else image[..., None]
    label = jnp.asarray(source.arrays["label"], jnp.int32)
    return Labelled(2 * image / (levels - 1) - 1, label)


def _shape(images: Array) -> tuple[int, int, int]:
    _, height, width, channels = images.shape
    return height, width, channels


def _over_time(draw: Callable[..., Any], kept: Mapping[int, Any]) -> Any:
    rows = {f"step {step:,}": images[:12] for step, images in sorted(kept.items())}
    images = np.concatenate(list(rows.values()))
    return draw(images, columns=12, row_labels=list(rows))
