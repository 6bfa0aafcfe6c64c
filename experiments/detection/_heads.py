"""The heads that the experiments choose from, by name."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from genjax import nn
from genjax.base import Head
from genjax.detection import (
    SUPPRESSED,
    Selection,
    by_size,
    centernet,
    centernet_outputs,
    cornernet,
    detr,
    end_to_end,
    end_to_end_outputs,
    fcos,
    fcos_outputs,
    retina,
    retina_outputs,
    yolo_v1,
    yolo_v2,
    yolo_v3,
)
from genjax.errors import InputError

STRIDES = (4, 8)
"""Of the two levels of the backbone."""


class Parts(NamedTuple):
    """What follows the backbone."""

    neck: Any
    head: Head


class Kind(NamedTuple):
    """What the data say about a detector.

    Fields:
        classes: their names.
        size: height and width of its images.
        anchors: prior sizes of boxes, width and height in pixels of these images.
        most: boxes of an image, at most.
    """

    classes: Sequence[str]
    size: tuple[int, int]
    anchors: Sequence[tuple[float, float]]
    most: int

    def written(self) -> str:
        """As the text of a file."""
        return json.dumps(self._asdict()) + "\n"


class Build(NamedTuple):
    """How to build a head.

    Fields:
        parts: `(config, kind) -> parts`.
        anchors: how many prior sizes it needs.
        least: the AP50 that it must reach on scenes of digits.
    """

    parts: Callable[[Any, Kind], Parts]
    anchors: int = 0
    least: float = 0.95


def fcos_parts(
    config: Any, classes: int, *, selection: Selection = SUPPRESSED
) -> Parts:
    """FCOS.

    Args:
        config: has `width` and `ranges`.
        classes: how many there are.
        selection: which predictions become detections.
    """
    tower = nn.DenseTower(outputs=fcos_outputs(classes), width=config.width)
    matching = by_size(ranges=(config.ranges,))
    how = {"classes": classes, "strides": STRIDES, "matching": matching}
    head = fcos(tower, **how, selection=selection)
    return Parts(nn.FPN(features=config.width), head)


def _centernet(config: Any, kind: Kind) -> Parts:
    classes = len(kind.classes)
    outputs = centernet_outputs(classes)
    tower = nn.DenseTower(outputs=outputs, width=config.width, prior=0.1)
    head = centernet(tower, classes=classes, stride=STRIDES[0])
    return Parts(nn.FPN(features=config.width, finest=1), head)


def _cornernet(config: Any, kind: Kind) -> Parts:
    classes = len(kind.classes)
    tower = nn.CornerTower(classes=classes, width=config.width)
    head = cornernet(tower, classes=classes, stride=STRIDES[0])
    return Parts(nn.FPN(features=config.width, finest=1), head)


def _end_to_end(config: Any, kind: Kind) -> Parts:
    classes = len(kind.classes)
    outputs = end_to_end_outputs(classes)
    many, one = (nn.DenseTower(outputs=outputs, width=config.width) for _ in range(2))
    head = end_to_end(many, one, classes=classes, strides=STRIDES)
    return Parts(nn.FPN(features=config.width), head)


def _detr(config: Any, kind: Kind) -> Parts:
    classes = len(kind.classes)
    outputs = end_to_end_outputs(classes)
    tower = nn.DenseTower(outputs=outputs, width=config.width)
    decoder = nn.QueryDecoder(classes=classes, width=2 * config.width, layers=2)
    queries = max(20, 2 * kind.most)
    how = {"classes": classes, "strides": STRIDES, "queries": queries}
    head = detr(tower, decoder, **how)
    return Parts(nn.FPN(features=config.width), head)


def _retina(config: Any, kind: Kind) -> Parts:
    classes, anchors = len(kind.classes), kind.anchors
    half = len(anchors) // 2
    outputs = retina_outputs(classes, anchors=half)
    head = retina(
        nn.DenseTower(outputs=outputs, width=config.width),
        classes=classes,
        strides=STRIDES,
        anchors=(anchors[:half], anchors[half:]),
    )
    return Parts(nn.FPN(features=config.width), head)


def _yolo_v1(config: Any, kind: Kind) -> Parts:
    classes = len(kind.classes)
    # Convolutions for the paper's dense layers, which learn far less of small sets.
    network = nn.LevelTowers(channels=(10 + classes,), width=2 * config.width)
    head = yolo_v1(network, classes=classes, stride=STRIDES[1])
    return Parts(nn.Passthrough(features=2 * config.width), head)


def _yolo_v2(config: Any, kind: Kind) -> Parts:
    classes, anchors = len(kind.classes), kind.anchors
    channels = (len(anchors) * (5 + classes),)
    network = nn.LevelTowers(channels=channels, width=2 * config.width)
    head = yolo_v2(network, classes=classes, stride=STRIDES[1], anchors=anchors)
    return Parts(nn.Passthrough(features=2 * config.width), head)


def _yolo_v3(config: Any, kind: Kind) -> Parts:
    classes, anchors = len(kind.classes), kind.anchors
    half = len(anchors) // 2
    network = nn.LevelTowers(
        channels=(half * (5 + classes),) * 2, width=2 * config.width
    )
    head = yolo_v3(
        network,
        classes=classes,
        strides=STRIDES,
        anchors=(anchors[:half], anchors[half:]),
    )
    return Parts(nn.FPN(features=config.width), head)


HEADS: Mapping[str, Build] = {
    "fcos": Build(lambda config, kind: fcos_parts(config, len(kind.classes))),
    "centernet": Build(_centernet),
    "cornernet": Build(_cornernet, least=0.85),
    "detr": Build(_detr, least=0.85),
    "end_to_end": Build(_end_to_end),
    "retina": Build(_retina, anchors=6),
    "yolo_v1": Build(_yolo_v1, least=0.85),
    "yolo_v2": Build(_yolo_v2, anchors=5),
    "yolo_v3": Build(_yolo_v3, anchors=6),
}


def head_named(name: str) -> Build:
    """Returns how a head is built.

    Args:
        name: of the head.

    Raises:
        InputError: there is none of this name.
    """
    if name not in HEADS:
        raise InputError(f"--head must be one of {', '.join(HEADS)}, got {name!r}.")
    return HEADS[name]
