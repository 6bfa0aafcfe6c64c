"""All detection heads on the same scenes of digits.

Each head follows the same backbone and sees the same scenes, in the same order, as
often. Parameters are those of the whole detector; a step is of 16 scenes, inference of
one; the times of all heads are taken in turn.

Paper: Tian, Shen, Chen and He, 2019, arXiv:1904.01355 (one of them)
Command: python -m experiments detection/heads --check
Hardware: 2 CPU cores
Time: 40 minutes
Expected: AP50 >= .95 for all but cornernet, detr and yolo_v1, >= .85 for these
"""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import jax

from experiments.detection import _scenes, scenes
from experiments.detection._compared import Trained, by_name, costs
from experiments.detection._dense import average_precision, dense_model, kind_of
from experiments.detection._heads import HEADS, head_named
from experiments.detection._scenes import SceneConfig, SceneSets, names_of, scene_sets
from experiments.runner import Study, run, train_stage
from genjax.plotting import bars


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    heads: tuple[str, ...] = tuple(HEADS)
    """Which to compare."""


SMOKE = {**_scenes.SMOKE, "heads": ("yolo_v1",)}
EXPECTED = {f"AP50_{name}": {"at_least": head.least} for name, head in HEADS.items()}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    for head in config.heads:
        head_named(head)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        sets = scene_sets(config)
        trained = {head: _train(config, sets, folder, head) for head in config.heads}
        batch, image = sets.pipeline.example, sets.test.arrays["image"][:1]
        rows = costs(trained, batch, image)
        for head, row in rows.items():
            found = average_precision(trained[head].detect, sets.test, names_of(config))
            row |= {name: found[name] for name in ("AP50", "AP")}
        scores = {head: [row["AP"]] for head, row in rows.items()}
        return by_name(rows), {"average_precision": bars(scores, ylabel="AP")}

    return Study(measure)


def _train(config: Config, sets: SceneSets, folder: Path, head: str) -> Trained:
    shared = {field.name: getattr(config, field.name) for field in fields(SceneConfig)}
    own = scenes.Config(head=head, **shared)
    model = dense_model(own, kind_of(own, sets.training, names_of(own)))
    variables = train_stage(
        folder / head, model.update, sets.pipeline, config=config, steps=config.steps
    )
    detect = jax.jit(partial(model.detect, variables))
    return Trained(model.update, variables, detect)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    chosen = {f"AP50_{head}" for head in config.heads}
    expected = {name: at for name, at in EXPECTED.items() if name in chosen}
    return run("detection/heads", config, build, expected)
