"""Digits in a large picture: tiles against shrinking.

One detector, trained on scenes of 64 x 64 pixels, looks at a picture of 1,600 x 1,152
pixels with some 1,300 digits of 12 to 32 pixels in three ways: at overlapping tiles,
whose pieces are joined; at the picture shrunk to 640 pixels across, as detectors are
mostly used; and at all of its pixels at once, which a large enough memory allows.

Paper: Akyon, Altinuc and Temizel, 2022, arXiv:2202.06934
Command: python -m experiments detection/large --check
Hardware: 2 CPU cores
Time: 4 minutes
Expected: AP50 by tiles beats shrinking by >= .15
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.detection import _scenes
from experiments.detection._dense import average_precision, backbone_of, update_of
from experiments.detection._heads import STRIDES, fcos_parts
from experiments.detection._scenes import SceneConfig, names_of, scene_sets
from experiments.runner import Study, run, train_stage
from genjax.data import ArraySource
from genjax.detection import Boxes, Selection, detection_objective, detector
from genjax.detection.scales import by_fragments, resized, tiled
from genjax.plotting import bars
from genjax.typing import Array, Batch, Variables

MOST = 3000
"""Detections of a picture."""
EVERYWHERE = Selection(candidates=12_000, detections=MOST)
"""Of a picture that holds as much as hundreds of scenes."""


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    rows: int = 18
    """Of scenes in the picture."""
    columns: int = 25
    """Likewise."""
    tile: int = 128
    """The side of a tile."""
    overlap: int = 32
    """Of neighbouring tiles, in pixels."""
    across: int = 640
    """The width of the shrunk picture."""


SMOKE = {**_scenes.SMOKE, "rows": 2, "columns": 4, "tile": 64, "across": 128}
EXPECTED = {"gain_of_tiles": {"at_least": 0.15}}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    backbone, classes = backbone_of(config), len(names_of(config))
    usual = backbone, *fcos_parts(config, classes)
    large = backbone, *fcos_parts(config, classes, selection=EVERYWHERE)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        scenes = config.rows * config.columns
        sets = scene_sets(replace(config, test_scenes=scenes))
        update = update_of(config, detection_objective(*usual))
        variables = train_stage(
            folder / "scenes", update, sets.pipeline, config=config, steps=config.steps
        )
        picture = ArraySource(_mosaic(config, sets.test.arrays))
        at_once = detector(*large)
        by_tiles = tiled(
            detector(*usual),
            tile=(config.tile, config.tile),
            overlap=config.overlap,
            merge=by_fragments(most=MOST),
        )
        ways = {
            "tiles": by_tiles,
            "shrunk": _shrunk(at_once, config.across),
            "whole": at_once,
        }
        found = {
            name: average_precision(
                partial(jax.jit(way), variables), picture, names_of(config), most=MOST
            )
            for name, way in ways.items()
        }
        metrics = {
            f"{what}_{name}": own[what]
            for name, own in found.items()
            for what in ("AP50", "AP")
        }
        gain = metrics["AP50_tiles"] - metrics["AP50_shrunk"]
        objects = int(picture.arrays["valid"].sum())
        scores = {name: [own["AP50"]] for name, own in found.items()}
        return (
            {**metrics, "gain_of_tiles": gain, "objects": objects},
            {"average_precision": bars(scores, ylabel="AP50")},
        )

    return Study(measure)


def _mosaic(config: Config, scenes: Batch) -> dict[str, np.ndarray]:
    """Scenes side by side, as one picture."""
    rows, columns, side = config.rows, config.columns, config.side
    image = scenes["image"].reshape(rows, columns, side, side, 1)
    places = np.indices((rows, columns)).reshape(2, -1).T[:, ::-1] * side
    xyxy = scenes["xyxy"] + np.tile(places, 2)[:, None]
    return {
        "image": image.transpose(0, 2, 1, 3, 4).reshape(
            1, rows * side, columns * side, 1
        ),
        "xyxy": xyxy.reshape(1, -1, 4).astype(np.float32),
        "label": scenes["label"].reshape(1, -1),
        "valid": scenes["valid"].reshape(1, -1),
    }


def _shrunk(
    detect: Callable[[Variables, Array], Boxes], across: int
) -> Callable[[Variables, Array], Boxes]:
    """Detection in a smaller picture, in the pixels of the larger one."""

    def smaller(variables: Variables, image: Array) -> Boxes:
        height, width = image.shape[1:3]
        small = resized(image, across / width)
        # Whole cells of the coarsest level; what is cut off holds no whole digit.
        tall, wide = (side - side % STRIDES[-1] for side in small.shape[1:3])
        found = detect(variables, small[:, :tall, :wide])
        factor = jnp.array([width / small.shape[2], height / small.shape[1]] * 2)
        return found._replace(xyxy=found.xyxy * factor[None, None])

    return smaller


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/large", config, build, EXPECTED)
