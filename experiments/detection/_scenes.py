"""Scenes of digits or faces: what trains and measures detectors without a file."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from experiments.detection._dense import DetectorConfig
from experiments.detection._formats import read_annotated
from genjax.data import (
    ArraySource,
    Pipeline,
    digits,
    faces,
    generated,
    object_crops,
    scenes,
    split,
)
from genjax.errors import InputError

PICTURES = (480, 640)
"""What the pictures of `--data` are brought to before objects are cut out of them."""
GLYPH = 32
"""The side of such an object."""
NAMES = [str(digit) for digit in range(10)]
"""Of the classes."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig(DetectorConfig):
    """The settings of a detector that is trained on scenes."""

    side: int = 64
    """Of the scenes, in pixels."""
    most: int = 5
    """Digits a scene, or faces and other patches."""
    sizes: tuple[float, float] = (12.0, 32.0)
    """The least and the greatest height of a digit or a face, in pixels."""
    contrast: tuple[float, float] = (0.5, 1.0)
    """The least and the greatest brightness of a digit or a face."""
    glyphs: Literal["digits", "faces"] = "digits"
    """What the scenes show; with faces other patches of photographs, no objects."""
    data: str = ""
    """A set with boxes, as detection/custom takes it: scenes of its objects."""
    of: str = ""
    """The class of `--data` that is to be found; what else it holds is no object."""
    ranges: float = 14.0
    steps: int = 4000
    batch_size: int = 16
    """Scenes per step."""
    test_scenes: int = 300
    """Scenes to measure on."""


SMOKE = {"width": 8, "steps": 20, "batch_size": 4, "test_scenes": 8}


class SceneSets(NamedTuple):
    """Fresh scenes to train on, and fixed ones.

    Fields:
        pipeline: of batches.
        training: some of the same kind.
        validation: of other digits.
        test: of digits that no other scene shows.
    """

    pipeline: Pipeline
    training: ArraySource
    validation: ArraySource
    test: ArraySource


def names_of(config: SceneConfig) -> list[str]:
    """The classes of a configuration's scenes."""
    if config.data:
        return [config.of]
    return NAMES if config.glyphs == "digits" else ["face"]


def _glyphs(config: SceneConfig) -> list[tuple[np.ndarray, np.ndarray]]:
    """To train on, to validate by and to measure on."""
    if config.data:
        return _cut_out(config)
    if config.glyphs == "digits":
        parts = split(digits(), validation=180, test=360)
        return [(part.arrays["image"] / 16.0, part.arrays["label"]) for part in parts]
    parts = split(faces(), validation=20, test=60)
    return [(part.arrays["image"], part.arrays["label"] - 1) for part in parts]


def _cut_out(config: SceneConfig) -> list[tuple[np.ndarray, np.ndarray]]:
    """Those of the objects of a set with boxes, a sixth of them to measure on."""
    found = read_annotated(config.data, "", PICTURES)
    if config.of not in found.classes:
        raise InputError(
            f"--of must be a class of {config.data}, {', '.join(found.classes)}, got "
            f"{config.of!r}."
        )
    crops = object_crops(found.source, size=GLYPH)
    sixth = len(crops) // 6
    wanted = found.classes.index(config.of)
    return [
        (
            part.arrays["image"].mean(axis=-1, dtype=np.float32) / 255.0,
            np.where(part.arrays["label"] == wanted, 0, -1),
        )
        for part in split(crops, validation=sixth, test=sixth)
    ]


def scene_sets(config: SceneConfig) -> SceneSets:
    """Returns the scenes of a configuration.

    Args:
        config: of the scenes.

    Raises:
        InputError: `--of` is no class of `--data`, or one of them is missing.
    """
    if config.of and not config.data:
        raise InputError(f"--of {config.of} needs --data, a set that has such a class.")
    draws = [
        scenes(
            image,
            label,
            side=config.side,
            most=config.most,
            sizes=config.sizes,
            contrast=config.contrast,
            whole=bool(config.data) or config.glyphs == "faces",
        )
        for image, label in _glyphs(config)
    ]

    def fixed(draw: Any, n: int, seed: int) -> ArraySource:
        batch = jax.jit(draw, static_argnums=1)(jax.random.key(seed), n)
        return ArraySource({name: np.asarray(value) for name, value in batch.items()})

    return SceneSets(
        generated(lambda key: draws[0](key, config.batch_size), seed=config.seed),
        fixed(draws[0], 256, 1_000_005),
        fixed(draws[1], min(64, config.test_scenes), 1_000_003),
        fixed(draws[2], config.test_scenes, 1_000_004),
    )
