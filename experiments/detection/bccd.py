"""Blood cells (BCCD), the official split, from scratch.

`--data` is the folder `BCCD` of the set (Shenggan/BCCD_Dataset, MIT), which holds
`Annotations`, `JPEGImages` and `ImageSets`: 205 images to train on, 87 to choose the
checkpoint by, 72 to measure on. Without it, a small set of synthetic scenes stands in,
to see that everything runs.

Paper: Redmon and Farhadi, 2018, arXiv:1804.02767
Command: python -m experiments detection/bccd --data BCCD --check
Hardware: 2 CPU cores
Time: 7 minutes
Expected: AP50 >= .86 and AP >= .49 on the 72 test images; YOLOv8n, pretrained, has a
published AP50 of .924
"""

from dataclasses import dataclass, replace
from typing import Any

from experiments.detection import custom
from experiments.runner import Task, run


@dataclass(frozen=True, kw_only=True)
class Config(custom.Config):
    """The settings of this experiment."""

    head: str = "yolo_v3"
    subsets: tuple[str, ...] = ("train", "val", "test")
    height: int = 144
    width_pixels: int = 192
    steps: int = 2000


SMOKE = custom.SMOKE
EXPECTED = {"AP50": {"at_least": 0.86}, "AP": {"at_least": 0.49}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    return custom.build(config if config.data else replace(config, subsets=()))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/bccd", config, build, EXPECTED)
