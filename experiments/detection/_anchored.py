"""An anchored detector, and what can be added to it for small objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from experiments.detection._compared import Comparison, Whole
from experiments.detection._scenes import names_of
from genjax import nn
from genjax.detection import (
    by_overlap,
    compensated,
    densified,
    pairwise_iou,
    retina,
    retina_outputs,
)
from genjax.typing import Array

ANCHOR = 4
"""The side of the anchors, in strides: as many pixels lie between two of them."""


@dataclass(frozen=True)
class Tricks:
    """What is done for small objects.

    Attributes:
        compensation: anchors for those that have few.
        finer: a level of stride 2.
        backgrounds: scores of the background on the finest level, where several.
        context: features of what surrounds a place.
        density: of anchors, where there are several of a kind at a place.
        ring: features of a ring about a place.
        neck: makes it, of as many channels at every level.
        overlap: of anchors with objects, by which they are matched.
    """

    compensation: bool = False
    finer: bool = False
    backgrounds: int = 0
    context: bool = False
    density: float = 0.0
    ring: bool = False
    neck: Callable[..., Any] = nn.FPN
    overlap: Callable[[Array, Array], Array] = pairwise_iou

    def __call__(self, trial: Comparison) -> Whole:
        """The detector that uses them."""
        config, width = trial.config, trial.config.width
        strides = (2, 4, 8) if self.finer else (4, 8)
        backbone = nn.PyramidBackbone(
            (width // 2, width, 2 * width), levels=len(strides), stem=2, blocks=2
        )
        parts = [self.neck(features=width)]
        parts += [nn.ContextModule(features=width)] * self.context
        parts += [nn.RingContext(features=width)] * self.ring
        classes = len(names_of(config))
        anchors = [[(ANCHOR * stride, ANCHOR * stride)] for stride in strides]
        if self.density:
            anchors = densified(anchors, strides=strides, density=self.density)
        tower = nn.DenseTower(
            outputs=retina_outputs(classes, anchors=len(anchors[0])),
            width=width,
            backgrounds=self.backgrounds,
        )
        match = compensated if self.compensation else by_overlap
        head = retina(
            tower,
            classes=classes,
            strides=strides,
            anchors=anchors,
            matching=match(overlap=self.overlap),
            negative_iou=0.35 if self.compensation else 0.4,
        )
        return Whole(backbone, nn.in_turn(*parts), head)
