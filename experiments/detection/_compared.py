"""Detectors side by side: how well they detect, and what they cost."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from experiments.benchmarks.timing import alternating_ms
from experiments.detection._dense import (
    average_precision,
    update_of,
    update_of_game,
)
from experiments.detection._scenes import SceneSets, names_of, scene_sets
from experiments.runner import Study, train_stage
from experiments.seeds import means_of_seeds
from genjax.augment import BoxTransform
from genjax.base import Game, Head, Objective, Update
from genjax.data import ArraySource
from genjax.detection import Boxes, detection_objective, detector, ground_truth
from genjax.detection.scales import Detector, field_widths
from genjax.errors import InputError
from genjax.nn import as_network
from genjax.receptive_field import Field, receptive_field
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Variables
from genjax.variables import part_of

Tables = Sequence[Mapping[str, Mapping[str, float]]]
"""For each seed, the precisions of each way by name."""


class Trained(NamedTuple):
    """A detector after its training.

    Fields:
        update: its training step.
        variables: what it has learnt.
        detect: `images -> boxes`, compiled.
    """

    update: Update
    variables: Variables
    detect: Callable[[Array], Boxes]

    @property
    def parameters(self) -> int:
        """How many there are, with those that stay as they were learnt before."""
        kinds = [self.variables.get(name, {}) for name in ("params", "constants")]
        return sum(leaf.size for leaf in jax.tree.leaves(kinds))


class Whole(NamedTuple):
    """A detector, from the image to its boxes.

    Fields:
        backbone: from images to levels.
        neck: from levels to levels.
        head: of these.
    """

    backbone: Any
    neck: Any
    head: Head

    def levels(self, variables: Variables, image: Array) -> Sequence[Array]:
        """What its head is given."""
        features = self.backbone.apply(part_of(variables, "backbone"), image)
        neck = as_network(self.neck, user="detection")
        return neck.apply(part_of(variables, "neck"), features)


class Way(NamedTuple):
    """One way to detect.

    Fields:
        parts: of its detector.
        learns: another way, whose variables it uses; it learns itself without one.
        trains: from the objective of its detector to that, or the game, which it learns
            by.
        looks: from its detector to the one that it uses.
        varies: what is done to a batch of a training step, not in a game.
    """

    parts: Callable[["Comparison"], Whole]
    learns: str = ""
    trains: Callable[["Comparison", Objective], Objective | Game] = (
        lambda trial, objective: objective
    )
    looks: Callable[[Detector], Detector] = lambda detect: detect
    varies: BoxTransform = lambda key, batch: batch


def always(
    transform: Callable[[Objective], Objective],
) -> Callable[["Comparison", Objective], Objective]:
    """A way of training that is the same for all scenes."""
    return lambda trial, objective: transform(objective)


class Comparison:
    """Ways that learn from the same scenes; each is trained when it is asked for.

    Args:
        config: of all of them, with one seed.
        sets: the scenes.
        folder: of their checkpoints.
        ways: by name.
    """

    def __init__(
        self, config: Any, sets: SceneSets, folder: Path, ways: Mapping[str, Way]
    ) -> None:
        self.config, self.sets = config, sets
        self._folder, self._ways = folder, ways
        self._learnt: dict[str, tuple[Update, Variables]] = {}
        self._wholes: dict[str, Whole] = {}

    def whole(self, name: str) -> Whole:
        """The parts of a way's detector."""
        if name not in self._wholes:
            self._wholes[name] = self._ways[name].parts(self)
        return self._wholes[name]

    def learnt(self, name: str) -> tuple[Update, Variables]:
        """The training step of a way, and what it has learnt by it."""
        name = self._ways[name].learns or name
        if name not in self._learnt:
            way, config = self._ways[name], self.config
            given = way.trains(self, detection_objective(*self.whole(name)))
            if isinstance(given, Game):
                if config.augment:
                    raise InputError(f"--augment: {name} learns by a game, without it.")
                update = update_of_game(config, given)
            else:
                update = update_of(config, with_preprocessing(given, way.varies))
            variables = train_stage(
                self._folder / name,
                update,
                self.sets.pipeline,
                config=config,
                steps=config.steps,
            )
            players: Any = variables
            own = players["generator"] if isinstance(given, Game) else variables
            self._learnt[name] = update, own
        return self._learnt[name]

    def trained(self, name: str) -> Trained:
        """The detector of a way."""
        update, variables = self.learnt(name)
        detect = self._ways[name].looks(detector(*self.whole(name)))
        return Trained(update, variables, jax.jit(partial(detect, variables)))

    def fields(self, name: str) -> dict[str, float]:
        """Pixels that units of the levels see, at most and effectively."""
        whole, (_, variables) = self.whole(name), self.learnt(name)
        found = jax.tree.leaves(
            receptive_field(
                lambda x, v: whole.levels(v, x), (1, 512, 512, 1), variables
            ),
            is_leaf=lambda x: isinstance(x, Field),
        )
        images = jnp.asarray(self.sets.test.arrays["image"][:16])
        widths = field_widths(whole.levels, variables, images)
        return {
            f"{what}_of_level_{place}": value
            for what, own in (
                ("field", [field.size[0] for field in found]),
                ("effective", widths),
            )
            for place, value in enumerate(own)
        }


def check_ways(names: Sequence[str], ways: Mapping[str, Way]) -> None:
    """Checks that there are ways of these names.

    Args:
        names: of ways.
        ways: all that there are.

    Raises:
        InputError: there is none of a name, or no name.
    """
    for name in names or [""]:
        if name not in ways:
            raise InputError(f"--ways must be of {', '.join(ways)}, got {name!r}.")


def comparison(
    config: Any,
    ways: Mapping[str, Way],
    *,
    areas: Mapping[str, tuple[float, float]],
    gains: Mapping[str, tuple[str, str, str]],
    draw: Callable[[Tables], Mapping[str, Any]],
    places: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> Study:
    """The study of some ways, with as many seeds as are asked for.

    Args:
        config: as of `compare`.
        ways: as of `compare`.
        areas: as of `compare`.
        gains: as of `compare`.
        draw: from the precisions of each seed to figures by name.
        places: as of `compare`.

    Raises:
        InputError: `config.ways` names none of them, or no way.
    """
    check_ways(config.ways, ways)

    def measure(folder: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        metrics, tables = compare(
            config, folder, ways, areas=areas, gains=gains, places=places
        )
        return metrics, draw(tables)

    return Study(measure, takes_seeds=True)


def compare(
    config: Any,
    folder: Path,
    ways: Mapping[str, Way],
    *,
    areas: Mapping[str, tuple[float, float]],
    gains: Mapping[str, tuple[str, str, str]],
    places: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> tuple[dict[str, Any], Tables]:
    """Trains and measures the ways of a study, with as many seeds as are asked for.

    Args:
        config: of the study; `ways` names those to compare.
        folder: of its checkpoints.
        ways: all that there are.
        areas: of the objects whose precision is told apart, in square pixels, by the
            end of its name; all first, under the empty name.
        gains: by name, a precision and the two ways whose difference in it counts.
        places: how many of them learn an object, where recall is told apart by that, by
            the end of its name.

    Returns:
        Metrics: precisions and gains are means over the seeds, the gains in standard
        errors too where there are several; costs and fields are those of the first. And
        the precisions of each seed.
    """
    tables, once = [], {}
    for seed in range(config.seed, config.seed + config.seeds):
        own = replace(config, seed=seed)
        sets = scene_sets(own)
        trial = Comparison(own, sets, folder / f"seed_{seed}", ways)
        trained = {name: trial.trained(name) for name in config.ways}
        classes = names_of(own)
        table = {n: precision(x, sets, classes, areas) for n, x in trained.items()}
        for name in trained if places else ():
            head = trial.whole(name).head
            table[name] |= recall_by_places(trained[name], head, sets, classes, places)
        tables.append(table)
        if not once:
            batch, image = sets.pipeline.example, sets.test.arrays["image"][:1]
            once = by_name(costs(trained, batch, image))
            once |= by_name({name: trial.fields(name) for name in trained})
    rows = [by_name(table) | _gains(table, gains) for table in tables]
    found = means_of_seeds(rows)
    return {**found, **_in_errors(found, gains), **once}, tables


def of_gains(
    expected: Mapping[str, Mapping[str, float]],
    gains: Mapping[str, tuple[str, str, str]],
    config: Any,
) -> dict[str, Mapping[str, float]]:
    """What is expected of those gains whose ways are compared."""
    known = {gain for gain, (_, *ways) in gains.items() if {*ways} <= {*config.ways}}
    if config.seeds > 1:
        known |= {f"errors_in_{gain}" for gain in known}
    return {name: at for name, at in expected.items() if name in known}


def of_ways(tables: Tables, what: str) -> dict[str, list[float]]:
    """One of the precisions of each way, with each seed."""
    return {name: [table[name][what] for table in tables] for name in tables[0]}


def _gains(
    table: Mapping[str, Mapping[str, float]], gains: Mapping[str, tuple[str, str, str]]
) -> dict[str, float]:
    """What one way gains over another, where both were measured."""
    return {
        gain: table[one][what] - table[other][what]
        for gain, (what, one, other) in gains.items()
        if one in table and other in table
    }


def _in_errors(metrics: Mapping[str, Any], gains: Iterable[str]) -> dict[str, float]:
    """Gains in standard errors of the seeds, where there are several."""
    found = {}
    for gain in gains:
        own = metrics.get(f"{gain}_of_seeds", ())
        if own:
            error = np.std(own, ddof=1) / math.sqrt(len(own))
            found[f"errors_in_{gain}"] = np.mean(own) / error if error else math.nan
    return found


def precision(
    trained: Trained,
    sets: SceneSets,
    classes: Sequence[str],
    areas: Mapping[str, tuple[float, float]],
) -> dict[str, float]:
    """The average precision of all objects, and it and the recall by their sizes."""
    found = average_precision(trained.detect, sets.test, classes, areas=areas)
    names = ["AP50", *(f"AP{n}" for n in areas), *(f"AR{n}" for n in areas if n)]
    return {name: found[name] for name in names}


def recall_by_places(
    trained: Trained,
    head: Head,
    sets: SceneSets,
    classes: Sequence[str],
    places: Mapping[str, tuple[float, float]],
) -> dict[str, float]:
    """The recall of objects by how many places would learn them."""
    arrays = sets.test.arrays
    names = ("xyxy", "label", "valid")
    boxes = ground_truth(*(jnp.asarray(arrays[name]) for name in names))
    targets = jax.jit(head.assign, static_argnums=1)(boxes, arrays["image"].shape[1:3])
    # COCO tells objects apart by a number, whatever it is.
    objects = {name: getattr(targets.boxes, name) for name in names}
    known = jax.tree.map(np.asarray, {**objects, "area": targets.places})
    source = ArraySource({"image": arrays["image"], **known})
    found = average_precision(
        trained.detect, source, classes, areas={"": (0, math.inf), **places}
    )
    return {f"AR{name}": found[f"AR{name}"] for name in places}


def costs(
    trained: Mapping[str, Trained], batch: Batch, image: ArrayLike
) -> dict[str, dict[str, float]]:
    """Parameters, and the times of a step and of detection, all taken in turn.

    Args:
        trained: detectors by name.
        batch: of a training step, which begins at the same state again and again.
        image: to detect in, `[1, h, w, c]`.

    Returns:
        `parameters`, `step_ms` and `inference_ms` of each.
    """
    rows: dict[str, dict[str, float]] = {
        name: {"parameters": own.parameters} for name, own in trained.items()
    }
    calls: Mapping[str, Sequence[Callable[[], Any]]] = {
        "step_ms": [_step(own.update, batch) for own in trained.values()],
        "inference_ms": [
            partial(own.detect, jnp.asarray(image)) for own in trained.values()
        ],
    }
    for what, own in calls.items():
        for row, ms in zip(rows.values(), alternating_ms(*own), strict=True):
            row[what] = ms
    return rows


def by_name(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all detectors as metrics of one study.

    >>> by_name({"fcos": {"AP": 0.5}})
    {'AP_fcos': 0.5}
    """
    return {
        f"{name}_{detector}": value
        for detector, row in rows.items()
        for name, value in row.items()
    }


def _step(update: Update, batch: Batch) -> Callable[[], Any]:
    state = jax.jit(update.init)(jax.random.key(0), batch)
    return partial(jax.jit(update.step), state, batch)
