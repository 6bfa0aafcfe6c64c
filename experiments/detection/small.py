"""What helps small, faint objects, one by one.

Digits of 4 to 20 pixels, a quarter to six tenths as bright as they could be, on scenes
of 64 x 64. Each way adds one thing to the one before, and learns from the same scenes,
in the same order, as often. Sides of objects are roots of the areas of their boxes; the
smallest are below 6 pixels, small ones below 10.

- plain: an anchored head on a feature pyramid of strides 4 and 8, anchors of 4 strides;
- finer: a level of stride 2 more;
- compensated: anchors for those objects that have few, by overlaps from .1 on;
- max_out: three scores of the background on the finest level;
- context: features that see 3, 5 and 7 places across;
- pasted: two more small digits in each scene, of another one;
- sized: scenes enlarged or shrunk so that a digit has a size uniform in its logarithm;
- densified: four anchors in the place of one.

These add one thing to finer:

- ring: features of a ring about every place;
- recursive, dense: necks that join levels once more, or all at once;
- wasserstein: anchors matched by the distance of normals in the place of overlaps.

Paper: Zhang, Zhu, Lei, Shi, Wang and Li, 2017, arXiv:1708.05237; Najibi et al., 2017,
    arXiv:1708.03979; Kisantal et al., 2019, arXiv:1902.07296
Command: python -m experiments detection/small
Hardware: 2 CPU cores
Time: 45 minutes beside other work, and as many for each further seed
Expected: a finer level, dense fusion and features of the surroundings help, the others
    do not
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from experiments.detection import _scenes
from experiments.detection._anchored import Tricks
from experiments.detection._compared import Tables, Way, comparison, of_ways
from experiments.detection._scenes import SceneConfig
from experiments.runner import Study, run
from genjax import nn
from genjax.augment import boxes_in_turn, copy_paste, zoom_to_size
from genjax.detection import pairwise_wasserstein
from genjax.plotting import bars

AREAS = {
    "": (0, math.inf),
    "_smallest": (0, 6**2),
    "_small": (0, 10**2),
    "_others": (10**2, math.inf),
}
PLACES = {
    "_of_0_places": (0, 0),
    "_of_1_place": (1, 1),
    "_of_2_to_4_places": (2, 4),
    "_of_5_to_16_places": (5, 16),
    "_of_more_places": (17, math.inf),
}
"""By how many anchors learn an object."""
_PASTED = copy_paste(most=2, largest=10.0)
_SIZED = zoom_to_size(
    lambda key, shape: jnp.exp(
        jax.random.uniform(key, shape, minval=jnp.log(4.0), maxval=jnp.log(20.0))
    ),
    scale=(0.5, 2.0),
)
_ALL = Tricks(finer=True, compensation=True, backgrounds=3, context=True)
WAYS: Mapping[str, Way] = {
    "plain": Way(Tricks()),
    "finer": Way(Tricks(finer=True)),
    "compensated": Way(Tricks(finer=True, compensation=True)),
    "max_out": Way(Tricks(finer=True, compensation=True, backgrounds=3)),
    "context": Way(_ALL),
    "pasted": Way(_ALL, varies=_PASTED),
    "sized": Way(_ALL, varies=boxes_in_turn(_SIZED, _PASTED)),
    "densified": Way(replace(_ALL, density=8.0), varies=boxes_in_turn(_SIZED, _PASTED)),
    "ring": Way(Tricks(finer=True, ring=True)),
    "recursive": Way(Tricks(finer=True, neck=nn.RecursiveFPN)),
    "dense": Way(Tricks(finer=True, neck=nn.DenseFusion)),
    "wasserstein": Way(Tricks(finer=True, overlap=pairwise_wasserstein(scale=10.0))),
}
IN_TURN = tuple(WAYS)[: tuple(WAYS).index("ring")]
"""Each adds to the one before; the others to `finer`."""
GAINS = {
    f"gain_of_{name}": ("AP_small", name, before)
    for before, name in (
        *itertools.pairwise(IN_TURN),
        *(("finer", name) for name in WAYS if name not in IN_TURN),
    )
}
"""The precision of small objects that each thing adds."""


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    ways: tuple[str, ...] = tuple(WAYS)
    """Which to compare."""
    most: int = 6
    sizes: tuple[float, float] = (4.0, 20.0)
    contrast: tuple[float, float] = (0.25, 0.6)
    steps: int = 1000
    batch_size: int = 8


SMOKE = {**_scenes.SMOKE, "ways": ("pasted",)}
EXPECTED: dict[str, dict[str, float]] = {}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    return comparison(
        config, WAYS, areas=AREAS, gains=GAINS, draw=_drawn, places=PLACES
    )


def _drawn(tables: Tables) -> dict[str, Any]:
    return {"AP_of_small_objects": bars(of_ways(tables, "AP_small"), ylabel="AP")}


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("detection/small", config, build, EXPECTED)
