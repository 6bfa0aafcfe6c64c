"""An anchored detector, and what can be added to it for small objects."""

from dataclasses import dataclass

from experiments.detection._compared import Comparison, Whole
from experiments.detection._scenes import names_of
from genjax import nn
from genjax.detection import (
    by_overlap,
    compensated,
    densified,
    retina,
    retina_outputs,
)

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
    """

    compensation: bool = False
    finer: bool = False
    backgrounds: int = 0
    context: bool = False
    density: float = 0.0

    def __call__(self, trial: Comparison) -> Whole:
        """The detector that uses them."""
        config, width = trial.config, trial.config.width
        strides = (2, 4, 8) if self.finer else (4, 8)
        backbone = nn.PyramidBackbone(
            (width // 2, width, 2 * width), levels=len(strides), stem=2, blocks=2
        )
        neck = nn.FPN(features=width)
        if self.context:
            neck = nn.in_turn(neck, nn.ContextModule(features=width))
        classes = len(names_of(config))
        anchors = [[(ANCHOR * stride, ANCHOR * stride)] for stride in strides]
        if self.density:
            anchors = densified(anchors, strides=strides, density=self.density)
        tower = nn.DenseTower(
            outputs=retina_outputs(classes, anchors=len(anchors[0])),
            width=width,
            backgrounds=self.backgrounds,
        )
        head = retina(
            tower,
            classes=classes,
            strides=strides,
            anchors=anchors,
            matching=compensated() if self.compensation else by_overlap(),
            negative_iou=0.35 if self.compensation else 0.4,
        )
        return Whole(backbone, neck, head)
