"""Any detection head on your own images and boxes.

`--data` is the folder of a VOC set (`Annotations`, `JPEGImages`) or of a YOLO set
(`images`, `labels`, and `data.yaml` or `classes.txt`), a COCO file, or a table with a
row for each box, the latter two with their images in `--images`. The set is cut at
random into images for training, for validation and for testing. Without it, a small VOC
set of synthetic scenes is written first. `python -m experiments data check` tells
beforehand what is odd about a set.

Paper: Tian, Shen, Chen and He, 2019, arXiv:1904.01355
Command: python -m experiments detection/custom --data FOLDER
Hardware: 2 CPU cores
Time: 3 minutes for 364 images at 120 x 160
Expected: depends on the data; AP50 .88 on a fifth of BCCD's blood cells
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jax
import numpy as np

from experiments.config import TaskConfig
from experiments.detection._dense import DetectorConfig, dense_task
from experiments.detection._formats import read_annotated, tell_problems
from experiments.detection._heads import head_named
from experiments.runner import Task, run
from genjax.data import (
    Annotated,
    ArraySource,
    Splits,
    digits,
    on_device,
    read_voc,
    scenes,
    split,
    streamed,
)
from genjax.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Config(DetectorConfig, TaskConfig):
    """The settings of this experiment."""

    data: str = ""
    """The folder of a VOC or YOLO set, a COCO file, or a table; a synthetic set when
    empty."""
    images: str = ""
    """The folder of the images of a COCO file or a table; the file's own when empty."""
    classes: tuple[str, ...] = ()
    """Their names by label, where the set does not name them or in another order."""
    skip_bad: bool = False
    """Leave out what is damaged, and tell it, instead of stopping."""
    subsets: tuple[str, ...] = ()
    """Of a VOC set, the lists in ImageSets/Main, and of a YOLO set, the folders to
    train, validate and test on, such as train val test; without them the images are cut
    at random."""
    memory: float = 1.0
    """Gigabytes of images that are held; more are read again while the model trains."""
    height: int = 120
    """Of the images, as the detector sees them: a multiple of 8."""
    width_pixels: int = 160
    """Of the images, as the detector sees them: a multiple of 8."""
    augment: bool = True
    validation: float = 0.1
    """Share of the images to validate on."""
    test: float = 0.2
    """Share of the images to measure on."""
    head: str = "fcos"
    """Of the detector: fcos, centernet, cornernet, end_to_end, detr, retina, yolo_v1,
    yolo_v2 or yolo_v3."""
    steps: int = 1200
    batch_size: int = 8
    """Images per step."""
    evaluate_every: int = 250


SMOKE = {
    "width": 8,
    "height": 64,
    "width_pixels": 64,
    "steps": 20,
    "batch_size": 4,
    "evaluate_every": 10,
}
EXPECTED: dict[str, Any] = {}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    head_named(config.head)  # a typo is told before the set is read
    if config.subsets:
        parts, classes = _by_subsets(config)
    else:
        annotated = _read(config)
        tell_problems(annotated)
        count, classes = len(annotated.source), annotated.classes
        parts = split(
            annotated.source,
            validation=max(1, round(config.validation * count)),
            test=max(1, round(config.test * count)),
        )
    how = {"batch_size": config.batch_size, "seed": config.seed}
    if isinstance(parts.train, ArraySource):
        pipeline = on_device(parts.train, **how)
    else:
        pipeline = streamed(parts.train, steps=config.steps, **how)
    return dense_task(config, pipeline, *parts, classes)


def _by_subsets(config: Config) -> tuple[Splits[Any], Sequence[str]]:
    if len(config.subsets) != 3:
        raise InputError(
            "--subsets: name three parts of the set in --data, to train, validate and "
            f"test on, got {config.subsets}."
        )
    # The classes are those of the whole set, of which no pixel is needed.
    whole = _read(config, memory=0.0)
    read = [
        _read(config, subset=name, classes=whole.classes) for name in config.subsets
    ]
    problems = [line for own in (whole, *read) for line in own.problems]
    tell_problems(whole._replace(problems=tuple(dict.fromkeys(problems))))
    return Splits(*(own.source for own in read)), whole.classes


def _read(config: Config, **how: Any) -> Annotated:
    size = (config.height, config.width_pixels)
    if not config.data:
        folder = Path(config.workdir or "runs/detection/custom") / "scenes"
        write_scenes(folder, 40)
        return read_voc(folder, size=size)
    given: dict[str, Any] = {"classes": config.classes, "memory": config.memory}
    return read_annotated(
        config.data, config.images, size, skip_bad=config.skip_bad, **{**given, **how}
    )


def write_scenes(folder: Path, n: int) -> None:
    """Writes synthetic scenes as a VOC set: an example of the format."""
    from PIL import Image

    source = digits().arrays
    draw = jax.jit(scenes(source["image"] / 16.0, source["label"]), static_argnums=1)
    batch = jax.tree.map(np.asarray, draw(jax.random.key(0), n))
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = (255 * batch["image"][i, ..., 0].clip(0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "JPEGImages" / f"{i:04d}.png")
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "filename").text = f"{i:04d}.png"
        for j in np.flatnonzero(batch["valid"][i]):
            thing = ElementTree.SubElement(root, "object")
            ElementTree.SubElement(thing, "name").text = str(batch["label"][i, j])
            box = ElementTree.SubElement(thing, "bndbox")
            names = ("xmin", "ymin", "xmax", "ymax")
            for name, value in zip(names, batch["xyxy"][i, j], strict=True):
                ElementTree.SubElement(box, name).text = f"{value:.2f}"
        tree = ElementTree.ElementTree(root)
        tree.write(folder / "Annotations" / f"{i:04d}.xml")


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/custom", config, build, EXPECTED)
