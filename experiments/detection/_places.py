"""Detectors that learn at places: one head, and what may come before it."""

import math
from collections.abc import Sequence

from experiments.detection._compared import Comparison, Whole
from experiments.detection._scenes import SceneConfig, names_of
from genjax import nn
from genjax.base import Head, NetworkLike
from genjax.detection import Matching, by_size, fcos, fcos_outputs

FOR_ALL = by_size(ranges=())
"""One level learns all objects."""
SCALES = (1.0, 2.0)
"""The sizes of an image in a pyramid of images."""
VALID = ((10.0, math.inf), (0.0, 28.0))
"""The sizes of objects that are learnt and taken at each scale, in its own pixels."""


def one_level(trial: Comparison, *, dilation: int = 1) -> Whole:
    """A detector of one level, of stride 4."""
    config = trial.config
    backbone = nn.PyramidBackbone(widths_of(config)[:2], levels=1, stem=2)
    head = place_head(config, (4,))
    return Whole(backbone, residual_stage(config, dilation), head)


def place_head(
    config: SceneConfig,
    strides: Sequence[int],
    matching: Matching = FOR_ALL,
    *,
    tower: NetworkLike | None = None,
) -> Head:
    """The head of all of them, with a new tower or one that has learnt."""
    own = tower_of(config) if tower is None else tower
    classes = len(names_of(config))
    return fcos(own, classes=classes, strides=strides, matching=matching)


def tower_of(config: SceneConfig) -> nn.DenseTower:
    """What the head computes at every place."""
    outputs = fcos_outputs(len(names_of(config)))
    return nn.DenseTower(outputs=outputs, width=config.width)


def widths_of(config: SceneConfig) -> tuple[int, int, int]:
    """The channels of a backbone's stages."""
    return config.width // 2, config.width, 2 * config.width


def residual_stage(config: SceneConfig, dilation: int) -> nn.ResidualStage:
    """What comes between a backbone of one level and the head."""
    return nn.ResidualStage(width=config.width, blocks=3, dilation=dilation)
