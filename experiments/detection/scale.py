"""Two answers to scale: enlarge the image, or combine the features.

Digits of 5 to 40 pixels on scenes of 64 x 64, one detection head, and ten ways to meet
their sizes. Each learns from the same scenes, in the same order, as often; the sides of
objects are roots of the areas of their boxes, small ones below 12 pixels and large ones
from 24 on. Beside its precision stands what a way costs, and the pixels that a unit of
its levels sees: at most, and effectively after the training.

- single: one level of stride 4;
- pyramid_test: the same, looking at the scene in its size and twice as large;
- pyramid: it has learnt from both, too;
- snip: from each the objects of valid sizes alone;
- tiles: single, on overlapping tiles of the scene, enlarged;
- fpn: a feature pyramid of strides 2, 4 and 8;
- fpn_snip: a feature pyramid, trained as snip;
- fields: the pyramid, whose levels take the objects that they see, by effective fields;
- trident: one level seen by three branches of dilations 1, 2 and 3 with shared weights;
- trident_fast: the middle one of them alone.

Paper: Singh and Davis, 2018, arXiv:1711.08189; Lin et al., 2017, arXiv:1612.03144;
    Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892; Xu et al., 2022, arXiv:2208.08738
Command: python -m experiments detection/scale --seeds 3 --check
Hardware: 2 CPU cores
Time: 80 minutes; one way with one seed at most 6
Expected: fpn, snip, trident and pyramid raise the AP of small objects above single
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.detection import _scenes
from experiments.detection._compared import Trained, by_name, costs
from experiments.detection._dense import average_precision, update_of
from experiments.detection._scenes import NAMES, SceneConfig, SceneSets, scene_sets
from experiments.runner import Study, means_of_seeds, run, train_stage
from genjax import nn
from genjax.base import Head, Objective, Update
from genjax.detection import (
    Matching,
    by_size,
    detection_objective,
    detector,
    fcos,
    fcos_outputs,
)
from genjax.detection.scales import (
    Detector,
    by_branch,
    by_field,
    covering,
    field_widths,
    image_pyramid,
    pyramid_training,
    shared_branches,
    tiled,
)
from genjax.errors import InputError
from genjax.nn import as_network
from genjax.plotting import curves
from genjax.receptive_field import Field, receptive_field
from genjax.typing import Array, Variables
from genjax.variables import part_of

EDGES = (0, 8, 12, 16, 24, 32, math.inf)
"""Between the sizes of objects whose precision is told apart."""
SIZES = {
    "": (0, math.inf),
    "_small": (0, 12),
    "_medium": (12, 24),
    "_large": (24, math.inf),
    **{f"_{low:g}_to_{high:g}": (low, high) for low, high in itertools.pairwise(EDGES)},
}
"""Roots of areas."""
SCALES = (1.0, 2.0)
VALID = ((10.0, math.inf), (0.0, 28.0))
"""The sizes that are learnt and taken at each scale, in its own pixels."""
BY_HAND = by_size(ranges=(5.0, 12.0))
"""Which level of the feature pyramid is for which sizes."""
BRANCHES = ((0.0, 14.0), (0.0, math.inf), (14.0, math.inf))
"""The sizes that each branch learns; the middle one can stand alone."""


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    ways: tuple[str, ...] = ()
    """Which to compare with `single`; all when empty."""
    most: int = 6
    sizes: tuple[float, float] = (5.0, 40.0)
    steps: int = 2000


class Parts(NamedTuple):
    """A detector, from the image to its boxes.

    Fields:
        backbone: from images to levels.
        neck: from levels to levels.
        head: of these.
    """

    backbone: nn.PyramidBackbone
    neck: Any
    head: Head

    @property
    def detect(self) -> Detector:
        """As it is, at one scale."""
        return detector(*self)

    def levels(self, variables: Variables, image: Array) -> Sequence[Array]:
        """What its head is given."""
        features = self.backbone.apply(part_of(variables, "backbone"), image)
        neck = as_network(self.neck, user="detection/scale")
        return neck.apply(part_of(variables, "neck"), features)


class Way(NamedTuple):
    """One way to meet objects of all sizes.

    Fields:
        learns: the way whose variables it uses: mostly itself.
        parts: of its detector, from the settings.
        trains: from the objective of its detector to the one that it learns by.
        looks: from its detector to the one that it uses.
    """

    learns: str
    parts: Callable[[Config], Parts]
    trains: Callable[[Objective], Objective] = lambda objective: objective
    looks: Callable[[Detector], Detector] = lambda detect: detect


def single(config: Config, *, dilation: int = 1) -> Parts:
    """One level."""
    backbone = nn.PyramidBackbone(_widths(config)[:2], levels=1, stem=2)
    head = _head(config, (4,), by_size(ranges=()))
    return Parts(backbone, _stage(config, dilation), head)


def pyramid(config: Config, matching: Matching = BY_HAND) -> Parts:
    """Three levels, the finest of stride 2."""
    backbone = nn.PyramidBackbone(_widths(config), levels=3, stem=2)
    head = _head(config, (2, 4, 8), matching)
    return Parts(backbone, nn.FPN(features=config.width), head)


def trident(config: Config) -> Parts:
    """One level, seen by three branches."""
    backbone, _, head = single(config)
    branches = shared_branches([_stage(config, dilation) for dilation in (1, 2, 3)])
    return Parts(backbone, branches, by_branch(head, ranges=BRANCHES))


def _widths(config: Config) -> tuple[int, int, int]:
    return config.width // 2, config.width, 2 * config.width


def _stage(config: Config, dilation: int) -> nn.ResidualStage:
    return nn.ResidualStage(width=config.width, blocks=3, dilation=dilation)


def _head(config: Config, strides: Sequence[int], matching: Matching) -> Head:
    classes = len(NAMES)
    tower = nn.DenseTower(outputs=fcos_outputs(classes), width=config.width)
    return fcos(tower, classes=classes, strides=strides, matching=matching)


def _at_scales(detect: Detector) -> Detector:
    return image_pyramid(detect, scales=SCALES)


def _in_ranges(detect: Detector) -> Detector:
    return image_pyramid(detect, scales=SCALES, ranges=VALID)


def _on_tiles(detect: Detector) -> Detector:
    tiles = tiled(detect, tile=(64, 64), overlap=32, with_whole=True)
    return image_pyramid(tiles, scales=SCALES[1:])


_both = partial(pyramid_training, scales=SCALES)
_valid = partial(pyramid_training, scales=SCALES, ranges=VALID)
WAYS: Mapping[str, Way] = {
    "single": Way("single", single),
    "pyramid_test": Way("single", single, looks=_at_scales),
    "tiles": Way("single", single, looks=_on_tiles),
    "pyramid": Way("pyramid", single, _both, _at_scales),
    "snip": Way("snip", single, _valid, _in_ranges),
    "fpn": Way("fpn", pyramid),
    "fpn_snip": Way("fpn_snip", pyramid, _valid, _in_ranges),
    "fields": Way("fields", pyramid),
    "trident": Way("trident", trident),
    "trident_fast": Way("trident", partial(single, dilation=2)),
}
RAISED = ("pyramid", "snip", "fpn", "trident")
"""What must raise the precision of small objects."""
GAINS = {
    **{f"gain_of_{name}": ("AP_small", name, "single") for name in RAISED},
    "gain_of_fields": ("AP", "fields", "fpn"),
    "loss_of_fast": ("AP", "trident", "trident_fast"),
}
"""The precision that one way has above another."""
SMOKE = {**_scenes.SMOKE, "ways": ("fields", "trident_fast", "tiles")}
EXPECTED = {
    **{f"errors_in_gain_of_{name}": {"at_least": 2.0} for name in RAISED},
    "gain_of_fields": {"at_least": 0.0},
    "loss_of_fast": {"at_most": 0.02},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    for name in config.ways:
        if name not in WAYS:
            raise InputError(f"--ways must be of {', '.join(WAYS)}, got {name!r}.")
    chosen = ["single", *(name for name in WAYS if name in (config.ways or WAYS))]
    names = list(dict.fromkeys(chosen))

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        tables, once = [], {}
        for seed in range(config.seed, config.seed + config.seeds):
            own = replace(config, seed=seed)
            sets = scene_sets(own)
            trained = _all_trained(own, sets, folder / f"seed_{seed}", names)
            tables.append({n: _precision(trained[n], sets) for n in names})
            if not once:
                batch, image = sets.pipeline.example, sets.test.arrays["image"][:1]
                once = by_name(costs(trained, batch, image)) | by_name(
                    {n: _seen(own, n, trained[n].variables, sets) for n in names}
                )
        found = means_of_seeds([by_name(table) | _gains(table) for table in tables])
        metrics = {**found, **_in_errors(found), **once}
        return metrics, {"AP_by_size": _by_size(tables)}

    return Study(measure)


def _all_trained(
    config: Config, sets: SceneSets, folder: Path, names: Sequence[str]
) -> dict[str, Trained]:
    """The detectors of all ways; what two of them share is trained once."""
    variables: dict[str, Variables] = {}
    updates: dict[str, Update] = {}

    def learn(name: str) -> None:
        if name in variables:
            return
        parts = WAYS[name].parts(config)
        if name == "fields":
            learn("fpn")
            image = jnp.asarray(sets.training.arrays["image"][:16])
            widths = field_widths(parts.levels, variables["fpn"], image)
            parts = pyramid(config, covering(by_field(widths=widths)))
        objective = WAYS[name].trains(detection_objective(*parts))
        updates[name] = update_of(config, objective)
        variables[name] = train_stage(
            folder / name,
            updates[name],
            sets.pipeline,
            config=config,
            steps=config.steps,
        )

    for name in names:
        learn(WAYS[name].learns)
    return {
        name: Trained(
            updates[WAYS[name].learns],
            WAYS[name].looks(WAYS[name].parts(config).detect),
            variables[WAYS[name].learns],
        )
        for name in names
    }


def _precision(trained: Trained, sets: SceneSets) -> dict[str, float]:
    """The average precision, of all objects and of those of each size."""
    areas = {name: (low**2, high**2) for name, (low, high) in SIZES.items()}
    found = average_precision(trained.compiled, sets.test, NAMES, areas=areas)
    return {name: found[name] for name in ("AP", "AP50", *(f"AP{n}" for n in SIZES))}


def _seen(
    config: Config, name: str, variables: Variables, sets: SceneSets
) -> dict[str, float]:
    """Pixels that units see: of the level that sees most, and effectively of each."""
    parts = WAYS[name].parts(config)
    shape = (1, 512, 512, 1)
    fields = jax.tree.leaves(
        receptive_field(lambda x, v: parts.levels(v, x), shape, variables),
        is_leaf=lambda x: isinstance(x, Field),
    )
    images = jnp.asarray(sets.test.arrays["image"][:16])
    widths = field_widths(parts.levels, variables, images)
    return {
        f"{what}_of_level_{place}": value
        for what, own in (
            ("field", [field.size[0] for field in fields]),
            ("effective", widths),
        )
        for place, value in enumerate(own)
    }


def _gains(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What one way gains over another, where both were measured."""
    return {
        gain: table[one][what] - table[other][what]
        for gain, (what, one, other) in GAINS.items()
        if one in table and other in table
    }


def _in_errors(found: Mapping[str, Any]) -> dict[str, float]:
    """Gains in standard errors of the seeds, where there are several."""
    every = {gain: found.get(f"{gain}_of_seeds", ()) for gain in GAINS}
    return {
        f"errors_in_{gain}": np.mean(own) / np.std(own, ddof=1) * math.sqrt(len(own))
        for gain, own in every.items()
        if own
    }


def _by_size(tables: Sequence[Mapping[str, Mapping[str, float]]]) -> Any:
    """The precision against the size, a curve for each way."""
    names = [f"AP_{low:g}_to_{high:g}" for low, high in itertools.pairwise(EDGES)]
    series = {
        way: (range(len(names)), [[table[way][n] for table in tables] for n in names])
        for way in tables[0]
    }
    return curves(series, xlabel="range of sizes", ylabel="AP")


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    expected = EXPECTED if config.seeds > 1 and not config.ways else {}
    return run("detection/scale", config, build, expected)
