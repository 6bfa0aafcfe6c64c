"""Enlarging images against combining features.

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
- fpn_snip: a feature pyramid of strides 4 and 8, trained as snip;
- fields: the pyramid, whose levels take the objects that they see, by effective fields;
- trident: one level seen by three branches of dilations 1, 2 and 3 with shared weights;
- trident_fast: the middle one of them alone.

Paper: Singh and Davis, 2018, arXiv:1711.08189; Lin et al., 2017, arXiv:1612.03144;
    Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892; Xu et al., 2022, arXiv:2208.08738
Command: python -m experiments detection/scale --seeds 3 --check
Hardware: 2 CPU cores
Time: 109 minutes in two runs, beside other work; a way with one seed 1 to 10
Expected: fpn, snip and pyramid raise the AP of small objects above single by more than
    two standard errors; trident does not; fields is not below fpn; trident_fast within
    .02 AP of trident
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp

from experiments.detection import _scenes
from experiments.detection._compared import (
    Comparison,
    Tables,
    Way,
    Whole,
    always,
    comparison,
    of_gains,
    of_ways,
)
from experiments.detection._places import (
    SCALES,
    VALID,
    one_level,
    place_head,
    residual_stage,
    widths_of,
)
from experiments.detection._scenes import SceneConfig
from experiments.runner import Study, run
from genjax import nn
from genjax.detection import Matching, by_size
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
from genjax.metrics import areas_between
from genjax.plotting import curves

EDGES = (0.0, 8.0, 12.0, 16.0, 24.0, 32.0, math.inf)
"""Between the sizes of objects whose precision is told apart."""
AREAS = {
    **areas_between(EDGES),
    "_small": (0, 12**2),
    "_medium": (12**2, 24**2),
    "_large": (24**2, math.inf),
}
BY_HAND = by_size(ranges=(5.0, 12.0))
"""Which level of the feature pyramid is for which sizes."""
BRANCHES = ((0.0, 14.0), (0.0, math.inf), (14.0, math.inf))
"""The sizes that each branch learns; the middle one can stand alone."""


def pyramid(trial: Comparison, matching: Matching = BY_HAND) -> Whole:
    """Three levels, the finest of stride 2."""
    config = trial.config
    backbone = nn.PyramidBackbone(widths_of(config), levels=3, stem=2, blocks=2)
    head = place_head(config, (2, 4, 8), matching)
    return Whole(backbone, nn.FPN(features=config.width), head)


def coarser(trial: Comparison) -> Whole:
    """Two levels, of strides 4 and 8, for scenes that are enlarged."""
    config = trial.config
    backbone = nn.PyramidBackbone(widths_of(config), levels=2, stem=2, blocks=2)
    head = place_head(config, (4, 8), by_size(ranges=(12.0,)))
    return Whole(backbone, nn.FPN(features=config.width), head)


def fields(trial: Comparison) -> Whole:
    """The pyramid, whose levels are for what those of `fpn` have come to see."""
    images = jnp.asarray(trial.sets.training.arrays["image"][:16])
    _, variables = trial.learnt("fpn")
    widths = field_widths(pyramid(trial).levels, variables, images)
    return pyramid(trial, covering(by_field(widths=widths)))


def trident(trial: Comparison) -> Whole:
    """One level, seen by three branches."""
    backbone, _, head = one_level(trial)
    stages = [residual_stage(trial.config, dilation) for dilation in (1, 2, 3)]
    return Whole(backbone, shared_branches(stages), by_branch(head, ranges=BRANCHES))


def _on_tiles(detect: Detector) -> Detector:
    tiles = tiled(detect, tile=(64, 64), overlap=32, with_whole=True)
    return image_pyramid(tiles, scales=SCALES[1:])


_at_both = partial(image_pyramid, scales=SCALES)
_in_ranges = partial(image_pyramid, scales=SCALES, ranges=VALID)
_both = always(partial(pyramid_training, scales=SCALES))
_valid = always(partial(pyramid_training, scales=SCALES, ranges=VALID))
WAYS: Mapping[str, Way] = {
    "single": Way(one_level),
    "pyramid_test": Way(one_level, learns="single", looks=_at_both),
    "tiles": Way(one_level, learns="single", looks=_on_tiles),
    "pyramid": Way(one_level, trains=_both, looks=_at_both),
    "snip": Way(one_level, trains=_valid, looks=_in_ranges),
    "fpn": Way(pyramid),
    "fpn_snip": Way(coarser, trains=_valid, looks=_in_ranges),
    "fields": Way(fields),
    "trident": Way(trident),
    "trident_fast": Way(partial(one_level, dilation=2), learns="trident"),
}
RAISED = ("pyramid", "snip", "fpn")
"""What raises the precision of small objects."""
GAINS = {
    **{f"gain_of_{n}": ("AP_small", n, "single") for n in (*RAISED, "trident")},
    "gain_of_fields": ("AP", "fields", "fpn"),
    "loss_of_fast": ("AP", "trident", "trident_fast"),
}
"""The precision that one way has above another."""


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    ways: tuple[str, ...] = tuple(WAYS)
    """Which to compare."""
    most: int = 6
    sizes: tuple[float, float] = (5.0, 40.0)
    steps: int = 2000
    batch_size: int = 8


SMOKE = {**_scenes.SMOKE, "ways": ("trident_fast",)}
EXPECTED = {
    **{f"gain_of_{name}": {"at_least": 0.0} for name in RAISED},
    **{f"errors_in_gain_of_{name}": {"at_least": 2.0} for name in RAISED},
    "gain_of_fields": {"at_least": 0.0},
    "loss_of_fast": {"at_most": 0.02},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""

    def drawn(tables: Tables) -> dict[str, Any]:
        return {"AP_by_size": _by_size(config, tables)}

    return comparison(config, WAYS, areas=AREAS, gains=GAINS, draw=drawn)


def _by_size(config: Config, tables: Tables) -> Any:
    """The precision against the size, a curve for each way."""
    least, most = config.sizes
    bins = [(a, b) for a, b in itertools.pairwise(EDGES) if a < most and b > least]
    names = [f"AP_{low:g}_to_{high:g}" for low, high in bins]
    middle = [(max(low, least) + min(high, most)) / 2 for low, high in bins]
    scores = [of_ways(tables, name) for name in names]
    series = {way: (middle, [own[way] for own in scores]) for way in tables[0]}
    return curves(series, xlabel="size, pixels", ylabel="AP")


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/scale", config, build, of_gains(EXPECTED, GAINS, config))
