"""Folders of images of one's own: read by one rule, cut, and fed to a step."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from experiments.config import TaskConfig
from experiments.runner import spans
from genjax.data import (
    ArraySource,
    Pipeline,
    Splits,
    digits,
    image_files,
    on_device,
    scale_pixels,
    split,
    streamed,
)
from genjax.errors import InputError
from genjax.plotting import PALETTE, image_grid
from genjax.typing import Array, Batch

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
    """Share of the images to measure on, of which at most 2,000 are held."""
    memory: float = 1.0
    """Gigabytes of images that are held; more are read again while the model trains."""
    chunk: int = 1
    """The most steps per compiled chunk: in a loop, convolutions are slow on CPUs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data:  # a run is gone on with from anywhere
            object.__setattr__(self, "data", str(Path(self.data).absolute()))

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
        counts: how many images there are to train, and are held to measure.
        names: of the files, in the order in which they were cut.
    """

    pipeline: Pipeline
    parts: Splits[Part]
    classes: tuple[str, ...]
    counts: dict[str, int]
    names: tuple[str, ...]

    @property
    def has_classes(self) -> bool:
        """Whether there are several."""
        return len(self.classes) > 1

    @property
    def has_colours(self) -> bool:
        """Whether there are several, and a colour for each."""
        return 1 < len(self.classes) <= len(PALETTE)

    def files(self) -> dict[str, str]:
        """What the folder of a run keeps: the set, by a digest of its names."""
        digest = hashlib.sha256("\n".join(self.names).encode()).hexdigest()
        kept = {"images": len(self.names), "digest": digest, "classes": self.classes}
        return {"images.json": json.dumps(kept, indent=2) + "\n"} if self.names else {}


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
        classes, root = source.classes, Path(config.data)
        names = tuple(path.relative_to(root).as_posix() for path in source.paths)
    else:
        source, classes, names = _digits(config), tuple(map(str, range(10))), ()
    shares = {"validation": config.validation, "test": config.test}
    cut = {name: max(1, round(each * len(source))) for name, each in shares.items()}
    parts = split(source, **cut)
    sizes = " / ".join(f"{len(part):,}" for part in parts)
    if config.progress:
        kinds = f", {len(classes)} classes" if len(classes) > 1 else ""
        Console().print(f"{len(source):,} images{kinds}: {sizes}", highlight=False)
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
    counts = {"train_images": len(train), "test_images": len(held.test.label)}
    return Pictures(pipeline, held, classes, counts, names)


def scaled(batch: Batch) -> Batch:
    """Scales bytes to [-1, 1], for networks that take such images."""
    return {"x": scale_pixels(batch["image"], low=-1.0)}


def blocks(image: np.ndarray, size: int) -> list[Array]:
    """Images, so many at a time."""
    return [jnp.asarray(image[i : i + n]) for i, n in spans(len(image), size)]


def check_size(config: FolderConfig, factor: int, why: str) -> None:
    """Refuses sides that are no multiple of a number.

    Args:
        config: the settings.
        factor: the number.
        why: it must be one.

    Raises:
        InputError: the side is none.
    """
    if config.size % factor:
        low = config.size // factor * factor
        near = " or ".join(str(s) for s in (low, low + factor) if s)
        raise InputError(
            f"--size must be a multiple of {factor}, since {why}; the nearest are "
            f"{near}, got {config.size}."
        )


def check_side(config: FolderConfig) -> None:
    """Refuses sides that are not 4 to 7 times a power of 2.

    Raises:
        InputError: the side cannot be halved down to 4 to 7 pixels.
    """
    known = sorted(small * 2**k for small in range(4, 8) for k in range(1, 9))
    if config.size not in known:
        near = sorted(sorted(known, key=lambda side: abs(side - config.size))[:2])
        raise InputError(
            "--size must be 4 to 7 times a power of 2, from 8 on; the nearest are "
            f"{near[0]} and {near[1]}, got {config.size}."
        )


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
