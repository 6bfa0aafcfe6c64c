"""MTCNN's networks, trained on the embedded faces.

scikit-image's faces of 16 to 48 pixels stand on scenes of 96 x 96 beside patches that
are none. Each network learns from squares cut out of the scenes, about faces and
elsewhere; the cascade then finds the faces of test scenes, which show 60 pictures that
no training scene shows. The embedded faces have no landmarks, so none are learnt.

Paper: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878
Command: python -m experiments detection/mtcnn --check
Hardware: 2 CPU cores
Time: 12 minutes beside other work
Expected: AP50 >= .9
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp

from experiments.detection import _scenes
from experiments.detection._dense import average_precision, confident, labelled
from experiments.detection._scenes import SceneConfig, scene_sets
from experiments.recipe import descent
from experiments.runner import Study, run, train_stage
from genjax import nn
from genjax.base import NetworkLike, Update
from genjax.detection import Boxes, Limits, face_crops, face_objective, mtcnn
from genjax.plotting import boxes_on_images
from genjax.training import with_preprocessing
from genjax.typing import Array, Variables
from genjax.variables import join_parts

CLASSES = ["face"]
NETWORKS: Mapping[str, tuple[NetworkLike, int, int]] = {
    "proposal": (nn.ProposalNet(), 12, 32),
    "refinement": (nn.RefinementNet(), 24, 12),
    "output": (nn.OutputNet(), 48, 6),
}
"""The three networks, the pixels that each sees, and how many crops of a scene."""


LIMITS = Limits(level=64, refinement=96, output=32)
"""Of the candidates that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    glyphs: Literal["digits", "faces"] = "faces"
    side: int = 96
    most: int = 6
    sizes: tuple[float, float] = (16.0, 48.0)
    steps: int = 1500
    """Of each network."""
    batch_size: int = 8
    """Scenes per step."""


SMOKE = _scenes.SMOKE
EXPECTED = {"AP50": {"at_least": 0.9}}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    sets = scene_sets(config)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        variables = join_parts(
            {
                name: train_stage(
                    folder / name,
                    _update(config, *network),
                    sets.pipeline,
                    config=config,
                    steps=config.steps,
                )
                for name, network in NETWORKS.items()
            }
        )
        detect = jax.jit(partial(_detect, config, variables))
        found = average_precision(detect, sets.test, CLASSES)
        images = sets.test.arrays["image"][:6]
        boxes = detect(jnp.asarray(images))
        drawn = [labelled(confident(boxes, i, CLASSES)) for i in range(len(images))]
        metrics = {name: found[name] for name in ("AP50", "AP", "AR100")}
        return metrics, {"faces": boxes_on_images(images, drawn, columns=3)}

    return Study(measure)


def _update(config: Config, network: NetworkLike, side: int, crops: int) -> Update:
    cut = face_crops(side=side, crops=crops)
    objective = with_preprocessing(face_objective(network), cut)
    return descent(config, objective, weight_decay=config.weight_decay, clip=10.0)


def _detect(config: Config, variables: Variables, images: Array) -> Boxes:
    """The faces that the cascade finds in images of one channel, from 0 to 1."""
    grey = jnp.round(255 * jnp.clip(images, 0.0, 1.0))
    pictures = jnp.repeat(grey, 3, axis=-1).astype(jnp.uint8)
    find = mtcnn(min_size=config.sizes[0], limits=LIMITS)
    boxes = find(variables, pictures).boxes
    # The cascade counts pixels from 1.
    first = jnp.array([1.0, 1.0, 0.0, 0.0])[None, None]
    return boxes._replace(xyxy=boxes.xyxy - first)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/mtcnn", config, build, EXPECTED)
