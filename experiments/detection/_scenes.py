"""Scenes of digits or faces: what trains and measures detectors without a file."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from experiments.detection._dense import DetectorConfig
from genjax.data import ArraySource, Pipeline, digits, faces, generated, scenes, split

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
    return NAMES if config.glyphs == "digits" else ["face"]


def _glyphs(config: SceneConfig) -> list[tuple[np.ndarray, np.ndarray]]:
    """To train on, to validate by and to measure on."""
    if config.glyphs == "digits":
        parts = split(digits(), validation=180, test=360)
        return [(part.arrays["image"] / 16.0, part.arrays["label"]) for part in parts]
    parts = split(faces(), validation=20, test=60)
    return [(part.arrays["image"], part.arrays["label"] - 1) for part in parts]


def scene_sets(config: SceneConfig) -> SceneSets:
    """Returns the scenes of a configuration."""
    draws = [
        scenes(
            image,
            label,
            side=config.side,
            most=config.most,
            sizes=config.sizes,
            contrast=config.contrast,
            whole=config.glyphs == "faces",
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
