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

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.benchmarks.timing import alternating_ms
from experiments.detection import _scenes, scenes
from experiments.detection._dense import (
    DenseModel,
    average_precision,
    dense_model,
    kind_of,
)
from experiments.detection._heads import HEADS, head_named
from experiments.detection._scenes import NAMES, SceneConfig, SceneSets, scene_sets
from experiments.runner import Study, run, train_stage
from genjax.detection import Boxes
from genjax.plotting import bars
from genjax.typing import Array, Variables


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    heads: tuple[str, ...] = tuple(HEADS)
    """Which to compare."""


SMOKE = {**_scenes.SMOKE, "heads": ("yolo_v1",)}
EXPECTED = {f"AP50_{name}": {"at_least": head.least} for name, head in HEADS.items()}


class Trained(NamedTuple):
    """A detector after its training.

    Fields:
        model: how it detects, and its step.
        variables: what it has learnt.
        sets: what it learns from, and is measured on.
    """

    model: DenseModel
    variables: Variables
    sets: SceneSets

    def figures(self) -> dict[str, float]:
        """Its size, and how well it detects."""
        found = average_precision(self.detect, self.sets.test, NAMES)
        leaves = jax.tree.leaves(self.variables["params"])
        count = sum(leaf.size for leaf in leaves)
        return {"parameters": count, "AP50": found["AP50"], "AP": found["AP"]}

    @property
    def detect(self) -> Callable[[Array], Boxes]:
        """Detects in pictures, compiled."""
        return jax.jit(partial(self.model.detect, self.variables))

    def step(self) -> Callable[[], Any]:
        """A training step that begins at the same state again and again."""
        batch, update = self.sets.pipeline.example, self.model.update
        state = jax.jit(update.init)(jax.random.key(0), batch)
        return partial(jax.jit(update.step), state, batch)

    def inference(self) -> Callable[[], Boxes]:
        """Detection in one picture."""
        return partial(self.detect, jnp.asarray(self.sets.test.arrays["image"][:1]))


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    for head in config.heads:
        head_named(head)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        sets = scene_sets(config)
        trained = {head: _train(config, sets, folder, head) for head in config.heads}
        rows = {head: own.figures() for head, own in trained.items()}
        for what, calls in (
            ("step_ms", [own.step() for own in trained.values()]),
            ("inference_ms", [own.inference() for own in trained.values()]),
        ):
            for row, ms in zip(rows.values(), alternating_ms(*calls), strict=True):
                row[what] = ms
        metrics = {
            f"{name}_{head}": value
            for head, row in rows.items()
            for name, value in row.items()
        }
        scores = {head: [row["AP"]] for head, row in rows.items()}
        return metrics, {"average_precision": bars(scores, ylabel="AP")}

    return Study(measure)


def _train(config: Config, sets: SceneSets, folder: Path, head: str) -> Trained:
    shared = {field.name: getattr(config, field.name) for field in fields(SceneConfig)}
    own = scenes.Config(head=head, **shared)
    model = dense_model(own, kind_of(own, sets.training, NAMES))
    variables = train_stage(
        folder / head, model.update, sets.pipeline, config=config, steps=config.steps
    )
    return Trained(model, variables, sets)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    chosen = {f"AP50_{head}" for head in config.heads}
    expected = {name: at for name, at in EXPECTED.items() if name in chosen}
    return run("detection/heads", config, build, expected)
