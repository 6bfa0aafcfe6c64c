"""Any detection head on scenes of handwritten digits.

`--head` is one of fcos, centernet, cornernet, end_to_end, detr, retina, yolo_v1,
yolo_v2 and yolo_v3.

One to five of scikit-learn's digits, 12 to 32 pixels high, on a noisy ground of 64 x 64
pixels; fresh scenes every step, on the device. Digits of the test scenes are of the 360
that no training scene shows.

Paper: Tian, Shen, Chen and He, 2019, arXiv:1904.01355
Command: python -m experiments detection/scenes --check
Hardware: 2 CPU cores
Time: 3 minutes
Expected: AP50 >= .95 on 300 test scenes; .85 with cornernet, detr and yolo_v1
"""

from dataclasses import dataclass
from typing import Any

from experiments.config import TaskConfig
from experiments.detection import _scenes
from experiments.detection._dense import dense_task
from experiments.detection._heads import head_named
from experiments.detection._scenes import SceneConfig, names_of, scene_sets
from experiments.runner import Task, run


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig, TaskConfig):
    """The settings of this experiment."""

    head: str = "fcos"
    """Of the detector."""


SMOKE = {**_scenes.SMOKE, "evaluate_every": 10}
EXPECTED = {"AP50": {"at_least": 0.95}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    head_named(config.head)
    return dense_task(config, *scene_sets(config), names_of(config))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    expected = {"AP50": {"at_least": head_named(config.head).least}}
    return run("detection/scenes", config, build, expected)
