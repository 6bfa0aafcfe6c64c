"""Scenes of digits: what trains and measures detectors without a file."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.config import TrainConfig
from genjax.data import ArraySource, Pipeline, digits, generated, scenes, split

NAMES = [str(digit) for digit in range(10)]
"""Of the classes."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig(TrainConfig):
    """The settings of a detector that is trained on scenes."""

    width: int = 32
    """Channels of the pyramid; the backbone has half to twice as many."""
    augment: bool = False
    """Whether training scenes are mirrored, zoomed and coloured too."""
    side: int = 64
    """Of the scenes, in pixels."""
    most: int = 5
    """Digits a scene."""
    ranges: float = 14.0
    """The largest distance to an edge that the finer level is for, in pixels."""
    chunk: int = 1
    """Steps per compiled chunk: on CPU, convolutions are slow in longer ones."""
    steps: int = 4000
    batch_size: int = 16
    """Scenes per step."""
    learning_rate: float = 2e-3
    """Of Adam, after a warm-up, decayed to 0 by a cosine."""
    weight_decay: float = 1e-2
    """Decoupled weight decay."""
    ema: float = 0.998
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


def scene_sets(config: SceneConfig) -> SceneSets:
    """Returns the scenes of a configuration."""
    parts = split(digits(), validation=180, test=360)
    draws = [
        scenes(
            part.arrays["image"] / 16.0,
            part.arrays["label"],
            side=config.side,
            most=config.most,
        )
        for part in parts
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
