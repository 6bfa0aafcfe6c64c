"""Small objects by super-resolved features.

Digits of 5 to 40 pixels on scenes of 64 x 64 and one detector, which has learnt from
the scenes in their size and twice as large. A small network, on top of it, is to show
it the small ones as if they were large: the detector itself stays as it is. Sides of
objects are roots of the areas of their boxes, small ones below 10 pixels.

- single: the detector, trained at one scale;
- base: trained at both, looking once;
- enlarged: base, looking at the scene enlarged, too;
- image: base, looking at the scene super-resolved by a network, too;
- taught: base, and features that a network makes of its backbone's, taught by what is
  detected in them;
- features: the same network, which besides learns to make features of the scene from
  those of the scene shrunk, in a game with a network that tells them apart.

Paper: Li, Liang, Wei, Xu, Feng and Yan, 2017, arXiv:1706.05424; Noh, Bae, Lee, Seo and
    Kim, 2019, doi:10.1109/ICCV.2019.00982
Command: python -m experiments detection/super_resolution --seeds 3 --check
Hardware: 2 CPU cores
Time: 52 minutes beside other work
Expected: features raise the recall of small objects above base by more than two
    standard errors of the seeds; the game does not add to that, and images enlarged or
    super-resolved help more
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

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
    tower_of,
)
from experiments.detection._scenes import SceneConfig
from experiments.runner import Study, run
from genjax import nn
from genjax.base import Game, Objective
from genjax.detection.scales import (
    by_branch,
    content_loss,
    feature_pairs,
    for_each_image,
    image_pairs,
    image_pyramid,
    pyramid_training,
    with_enlarged,
)
from genjax.gan import non_saturating, r1, with_discriminator
from genjax.plotting import bars
from genjax.training import weighted_sum
from genjax.typing import Array, Variables
from genjax.variables import part_of

AREAS = {
    "": (0, math.inf),
    "_small": (0, 10**2),
    "_others": (10**2, math.inf),
}
IN_IMAGE = tuple(
    (low / k, high / k) for (low, high), k in zip(VALID, SCALES, strict=True)
)
"""The sizes that are taken at each scale, in pixels of the scene."""


def _generator(trial: Comparison, blocks: int) -> nn.SuperResolution:
    """Less than a tenth of the detector's parameters."""
    return nn.SuperResolution(width=trial.config.width // 2, blocks=blocks)


def _learnt(trial: Comparison) -> Whole:
    """The base detector, which stays as it is, with a head for both scales."""
    plain, (_, variables) = one_level(trial), trial.learnt("base")
    backbone, neck, tower = (
        nn.frozen(part, part_of(variables, name))
        for name, part in (
            ("backbone", plain.backbone),
            ("neck", plain.neck),
            ("head", tower_of(trial.config)),
        )
    )
    one = place_head(trial.config, (4,), tower=tower)
    head = by_branch(one, ranges=IN_IMAGE, scales=(1, 2))
    return Whole(backbone, neck, head)


def of_features(trial: Comparison) -> Whole:
    """With features that a network makes of those of the backbone."""
    learnt = _learnt(trial)
    enlarged = with_enlarged(_generator(trial, blocks=1))
    neck = nn.in_turn(enlarged, for_each_image(learnt.neck, levels=1))
    return learnt._replace(neck=neck)


def of_images(trial: Comparison) -> Whole:
    """With those of images that a network makes."""
    learnt = _learnt(trial)
    neck = for_each_image(nn.in_turn(learnt.backbone, learnt.neck))
    backbone = with_enlarged(_generator(trial, blocks=2))
    return learnt._replace(backbone=backbone, neck=neck)


def _like_images(trial: Comparison, objective: Objective) -> Objective:
    """Images like those that were shrunk, whatever is detected in them."""
    enlarged = with_enlarged(_generator(trial, blocks=2))

    def enlarge(variables: Variables, image: Array) -> Array:
        return enlarged.apply(part_of(variables, "backbone"), image)[1]

    return content_loss(objective.init, image_pairs(enlarge))


def _game(trial: Comparison, objective: Objective) -> Game:
    """Features like those of large objects, too."""
    config: Any = trial.config
    learnt, enlarged = _learnt(trial), with_enlarged(_generator(trial, blocks=1))

    def features(variables: Variables, image: Array) -> tuple[Array, ...]:
        levels = learnt.backbone.apply(part_of(variables, "backbone"), image)
        return enlarged.apply(part_of(part_of(variables, "neck"), "0"), levels)

    pairs = feature_pairs(features, window=8, largest=10.0)
    both = weighted_sum(
        {"detection": objective, "content": content_loss(objective.init, pairs)},
        weights={"content": config.content},
    )
    return with_discriminator(
        both,
        pairs,
        nn.ResNet(features=1, widths=(16, 32), blocks=1),
        loss=non_saturating(),
        weight=config.adversarial,
        penalties=(r1(gamma=1.0),),
    )


_twice = partial(image_pyramid, scales=SCALES, ranges=VALID)
WAYS: Mapping[str, Way] = {
    "single": Way(one_level),
    "base": Way(one_level, trains=always(partial(pyramid_training, scales=SCALES))),
    "enlarged": Way(one_level, learns="base", looks=_twice),
    "image": Way(of_images, trains=_like_images),
    "taught": Way(of_features),
    "features": Way(of_features, trains=_game),
}
GAINS = {
    f"gain_of_{name}": ("AR_small", name, "base")
    for name in ("enlarged", "image", "taught", "features")
} | {"gain_of_game": ("AR_small", "features", "taught")}
"""The recall of small objects that looking twice, and that the game adds."""


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    ways: tuple[str, ...] = tuple(WAYS)
    """Which to compare."""
    content: float = 0.1
    """The weight of the distance of features."""
    adversarial: float = 0.01
    """The weight of what cannot be told apart."""
    most: int = 6
    sizes: tuple[float, float] = (5.0, 40.0)
    steps: int = 2000
    batch_size: int = 8


SMOKE = {**_scenes.SMOKE, "ways": ("features",)}
EXPECTED = {
    "gain_of_features": {"at_least": 0.0},
    "errors_in_gain_of_features": {"at_least": 2.0},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    return comparison(config, WAYS, areas=AREAS, gains=GAINS, draw=_drawn)


def _drawn(tables: Tables) -> dict[str, Any]:
    return {"AR_of_small_objects": bars(of_ways(tables, "AR_small"), ylabel="AR")}


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    expected = of_gains(EXPECTED, GAINS, config)
    return run("detection/super_resolution", config, build, expected)
