"""Any detection head on scenes of handwritten digits.

`--head` is one of fcos, centernet, cornernet, end_to_end, retina, yolo_v1, yolo_v2 and
yolo_v3.

One to five of scikit-learn's digits, 12 to 32 pixels high, on a noisy ground of 64 x 64
pixels; fresh scenes every step, on the device. Digits of the test scenes are of the 360
that no training scene shows.

Paper: Tian, Shen, Chen and He, 2019, arXiv:1904.01355
Command: python -m experiments detection/scenes --check
Hardware: 2 CPU cores
Time: 3 minutes
Expected: AP50 >= .90 on 300 test scenes; .85 with cornernet
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from experiments.config import TaskConfig
from experiments.detection._dense import dense_task
from experiments.detection._heads import head_named
from experiments.runner import Task, run
from genjax.data import (
    ArraySource,
    digits,
    generated,
    scenes,
    split,
)


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    head: str = "fcos"
    """Of the detector."""
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
    evaluate_every: int = 500
    test_scenes: int = 300
    """Scenes to measure on."""


SMOKE = {
    "width": 8,
    "steps": 20,
    "batch_size": 4,
    "evaluate_every": 10,
    "test_scenes": 8,
}
EXPECTED = {"AP50": {"at_least": 0.90}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    head_named(config.head)
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

    return dense_task(
        config,
        generated(lambda key: draws[0](key, config.batch_size), seed=config.seed),
        fixed(draws[0], 256, 1_000_005),
        fixed(draws[1], min(64, config.test_scenes), 1_000_003),
        fixed(draws[2], config.test_scenes, 1_000_004),
        [str(digit) for digit in range(10)],
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/scenes", config, build, EXPECTED)
