"""The heads that the experiments choose from, by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from genjax import nn
from genjax.base import Head
from genjax.detection import (
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
Sizes = Sequence[tuple[float, float]]


class Parts(NamedTuple):
    """What follows the backbone."""

    neck: Any
    head: Head


class Build(NamedTuple):
    """How to build a head.

    Fields:
        parts: `(config, classes, anchors) -> parts`.
        anchors: how many prior sizes it needs.
    """

    parts: Callable[[Any, int, Sizes], Parts]
    anchors: int = 0


def _fcos(config: Any, classes: int, anchors: Sizes) -> Parts:
    del anchors
    tower = nn.DenseTower(outputs=fcos_outputs(classes), width=config.width)
    matching = by_size(ranges=(config.ranges,))
    head = fcos(tower, classes=classes, strides=STRIDES, matching=matching)
    return Parts(nn.FPN(features=config.width), head)


def _centernet(config: Any, classes: int, anchors: Sizes) -> Parts:
    del anchors
    outputs = centernet_outputs(classes)
    tower = nn.DenseTower(outputs=outputs, width=config.width, prior=0.1)
    head = centernet(tower, classes=classes, stride=STRIDES[0])
    return Parts(nn.FPN(features=config.width, finest=1), head)


def _cornernet(config: Any, classes: int, anchors: Sizes) -> Parts:
    del anchors
    tower = nn.CornerTower(classes=classes, width=config.width)
    head = cornernet(tower, classes=classes, stride=STRIDES[0])
    return Parts(nn.FPN(features=config.width, finest=1), head)


def _end_to_end(config: Any, classes: int, anchors: Sizes) -> Parts:
    del anchors
    outputs = end_to_end_outputs(classes)
    many, one = (nn.DenseTower(outputs=outputs, width=config.width) for _ in range(2))
    head = end_to_end(many, one, classes=classes, strides=STRIDES)
    return Parts(nn.FPN(features=config.width), head)


def _detr(config: Any, classes: int, anchors: Sizes) -> Parts:
    del anchors
    outputs = end_to_end_outputs(classes)
    tower = nn.DenseTower(outputs=outputs, width=config.width)
    decoder = nn.QueryDecoder(classes=classes, width=2 * config.width, layers=2)
    head = detr(tower, decoder, classes=classes, strides=STRIDES)
    return Parts(nn.FPN(features=config.width), head)


def _retina(config: Any, classes: int, anchors: Sizes) -> Parts:
    half = len(anchors) // 2
    outputs = retina_outputs(classes, anchors=half)
    head = retina(
        nn.DenseTower(outputs=outputs, width=config.width),
        classes=classes,
        strides=STRIDES,
        anchors=(anchors[:half], anchors[half:]),
    )
    return Parts(nn.FPN(features=config.width), head)


def _yolo_v1(config: Any, classes: int, anchors: Sizes) -> Parts:
    del anchors
    # Convolutions for the paper's dense layers, which learn far less of small sets.
    network = nn.LevelTowers(channels=(10 + classes,), width=2 * config.width)
    head = yolo_v1(network, classes=classes, stride=STRIDES[1])
    return Parts(nn.Passthrough(features=2 * config.width), head)


def _yolo_v2(config: Any, classes: int, anchors: Sizes) -> Parts:
    channels = (len(anchors) * (5 + classes),)
    network = nn.LevelTowers(channels=channels, width=2 * config.width)
    head = yolo_v2(network, classes=classes, stride=STRIDES[1], anchors=anchors)
    return Parts(nn.Passthrough(features=2 * config.width), head)


def _yolo_v3(config: Any, classes: int, anchors: Sizes) -> Parts:
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
    "fcos": Build(_fcos),
    "centernet": Build(_centernet),
    "cornernet": Build(_cornernet),
    "detr": Build(_detr),
    "end_to_end": Build(_end_to_end),
    "retina": Build(_retina, anchors=6),
    "yolo_v1": Build(_yolo_v1),
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
