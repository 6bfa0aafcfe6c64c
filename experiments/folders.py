"""Folders of images of one's own: read by one rule, cut, and fed to a step."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TaskConfig
from genjax.data import (
    ArraySource,
    Pipeline,
    Splits,
    digits,
    image_files,
    on_device,
    split,
    streamed,
)
from genjax.errors import InputError
from genjax.plotting import image_grid
from genjax.typing import Array

HELD = 2000
"""The most images of each part that are held to measure and to draw."""

LEVELS = 256


@dataclass(frozen=True, kw_only=True)
class FolderConfig(TaskConfig):
    """Where images come from, and what the model sees of them."""

    data: str = ""
    """A folder of images, whose subfolders are classes; embedded digits without one."""
    size: int = 32
    """The side of the square images that the model sees."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """How images of other shapes become squares."""
    grey: bool = False
    """See one channel instead of three."""
    validation: float = 0.1
    """Share of the images to validate on."""
    test: float = 0.1
    """Share of the images to measure on."""
    memory: float = 1.0
    """Gigabytes of images that are held; more are read again while the model trains."""
    chunk: int = 1
    """The most steps per compiled chunk: in a loop, convolutions are slow on CPUs."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image: `(h, w, c)`."""
        return self.size, self.size, 1 if self.grey else 3


class Part(NamedTuple):
    """Images `[n, h, w, c]`, bytes, and their labels `[n]`."""

    image: np.ndarray
    label: np.ndarray


class Pictures(NamedTuple):
    """The images of a folder, cut into three.

    Fields:
        pipeline: batches `{"image", "label"}` of all images for training.
        parts: as many of those as are held, images to choose a checkpoint by, and
            images to measure on.
        classes: the names of the subfolders; none where there are none.
    """

    pipeline: Pipeline
    parts: Splits[Part]
    classes: tuple[str, ...]

    @property
    def has_classes(self) -> bool:
        """Whether there are several."""
        return len(self.classes) > 1


def read_pictures(config: FolderConfig, *, least: int = 2) -> Pictures:
    """Reads the folder of a configuration, or the embedded digits.

    Sets beyond `config.memory` stay in their files, which grain reads ahead.

    Args:
        config: what to read.
        least: images that each part must have.

    Raises:
        InputError: there is no such folder, it holds no image, too few of them, or one
            that cannot be read.
    """
    if config.data:
        shape = {"size": (config.size, config.size), "fit": config.fit}
        source = image_files(config.data, grey=config.grey, **shape)
        classes = source.classes
    else:
        source, classes = _digits(config), tuple(map(str, range(10)))
    counts = {
        name: max(1, round(getattr(config, name) * len(source)))
        for name in ("validation", "test")
    }
    parts = split(source, **counts)
    for name, part in zip(parts._fields, parts, strict=True):
        if len(part) < least:
            raise InputError(
                f"{len(source)} images leave {len(part)} for {name}, of which this "
                f"model needs {least}: add images, or change --validation and --test."
            )
    how = {"batch_size": config.batch_size, "seed": config.seed}
    if config.batch_size > len(parts.train):
        raise InputError(
            f"--batch-size {config.batch_size}: only {len(parts.train)} of "
            f"{len(source)} images are for training."
        )
    whole = len(parts.train) * int(np.prod(config.shape))
    if whole <= config.memory * 1e9:
        train = ArraySource(parts.train.gather(np.arange(len(parts.train))))
        pipeline = on_device(train, **how)
    else:
        train = parts.train
        pipeline = streamed(train, steps=config.steps, **how)
    held = Splits(*map(_held, (train, parts.validation, parts.test)))
    return Pictures(pipeline, held, classes)


def shown(images: Array | np.ndarray, **how: Any) -> Any:
    """Draws images `[n, h, w, c]` in [0, 1] as they look: grey ones not as ink.

    Args:
        images: what to draw.
        how: as `genjax.plotting.image_grid` takes it.
    """
    clipped = np.clip(np.asarray(images, np.float32), 0.0, 1.0)
    return image_grid(np.broadcast_to(clipped, (*clipped.shape[:3], 3)), **how)


def _held(source: Any) -> Part:
    return Part(**source.gather(np.arange(min(HELD, len(source)))))


def _digits(config: FolderConfig) -> ArraySource:
    """The embedded digits, as a folder of them would be read."""
    arrays = digits().arrays
    ink = jnp.asarray(arrays["image"], jnp.float32)[..., None] * (255 / 16)
    sized = jax.image.resize(ink, (len(ink), config.size, config.size, 1), "linear")
    image = np.asarray(jnp.round(sized).astype(jnp.uint8))
    image = np.repeat(image, config.shape[2], axis=3)
    return ArraySource({"image": image, "label": arrays["label"]})
