"""What the experiments with dense detectors share."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TrainConfig
from experiments.detection._heads import Kind, head_named
from experiments.recipe import adam, descent
from experiments.runner import Task
from genjax import nn
from genjax.augment import boxes_in_turn, colour, flip, images_alone, zoom
from genjax.base import Game, Objective, Update
from genjax.data import AnnotatedFiles, ArraySource, Pipeline
from genjax.detection import Boxes, anchor_sizes, detection_objective, detector
from genjax.errors import InputError
from genjax.gan import minimax
from genjax.metrics import (
    COCO,
    coco_by_class,
    coco_summary,
    coco_update,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from genjax.placement import Placement
from genjax.plotting import boxes_on_images
from genjax.receptive_field import receptive_field
from genjax.training import with_ema, with_preprocessing
from genjax.typing import Array, Batch, Key, Variables

VARIED = boxes_in_turn(
    flip(horizontal=0.5, vertical=0.5),
    zoom(scale=(0.7, 1.4), stretch=1.2),
    images_alone(colour(brightness=0.1, saturation=0.3, contrast=0.2)),
)
"""What is done to the pictures of a training step where a run augments."""
VALIDATED = 256
"""Images to choose a checkpoint by, at most: they are looked at together."""
Pictures = ArraySource | AnnotatedFiles
DETECTOR = "detector.json"
"""What else than its settings a run's detector is made of: names, and prior sizes."""


@dataclass(frozen=True, kw_only=True)
class DetectorConfig(TrainConfig):
    """The settings of what `dense_model` makes and trains."""

    width: int = 32
    """Channels of the pyramid; the backbone has half to twice as many."""
    augment: bool = False
    """Whether training images are mirrored both ways, zoomed and coloured."""
    ranges: float = 24.0
    """The largest distance to an edge that the finer level is for, in pixels."""
    chunk: int = 1
    """Steps per compiled chunk: on CPU, convolutions are slow in longer ones."""
    learning_rate: float = 2e-3
    """Of Adam, after a warm-up, decayed to 0 by a cosine."""
    weight_decay: float = 1e-2
    """Decoupled weight decay."""


def kind_of(config: Any, training: Pictures, classes: Sequence[str]) -> Kind:
    """Returns what a training set says about a detector.

    Args:
        config: has `head`.
        training: images and boxes.
        classes: their names.
    """
    arrays, wanted = training.arrays, head_named(config.head).anchors
    height, width, _ = training.gather(np.arange(1))["image"][0].shape
    size = (height, width)
    ignore = arrays.get("ignore", np.zeros_like(arrays["valid"]))
    objects = np.asarray(arrays["valid"] & ~ignore, bool)
    most = int(objects.sum(axis=1).max())
    if not wanted:
        return Kind(list(classes), size, [], most)
    xyxy = arrays["xyxy"][objects]
    sides = jnp.asarray(xyxy[:, 2:] - xyxy[:, :2])
    found = anchor_sizes(jax.random.key(0), sides, k=wanted).tolist()
    anchors = [(across, down) for across, down in found]
    return Kind(list(classes), size, anchors, most)


def read_kind(folder: Path) -> Kind:
    """Reads what the data of a run said about its detector.

    Args:
        folder: of the run.

    Raises:
        InputError: it holds none.
    """
    path = folder / DETECTOR
    if not path.is_file():
        raise InputError(f"{folder} holds no run of detection/custom.")
    content = json.loads(path.read_text())
    classes, size, anchors, most = (content[name] for name in Kind._fields)
    return Kind(classes, tuple(size), anchors, most)


class DenseModel(NamedTuple):
    """A detector, and how it is trained.

    Fields:
        update: a training step, on batches `{"image", "xyxy", "label", "valid"}`.
        objective: to validate by, without augmentation.
        detect: `(variables, images [b, h, w, c]) -> boxes`, from bytes or floats.
        fields: `() -> {name: pixels}`: what the units of each level see.
    """

    update: Update
    objective: Objective
    detect: Callable[[Variables, Array], Boxes]
    fields: Callable[[], Mapping[str, int]]


def dense_model(config: Any, kind: Kind) -> DenseModel:
    """A detector of small images.

    Args:
        config: a `DetectorConfig` that has `head`.
        kind: what the data say about it.
    """
    backbone = backbone_of(config)
    neck, head = head_named(config.head).parts(config, kind)
    plain = detection_objective(backbone, neck, head)
    found = detector(backbone, neck, head)
    return DenseModel(
        update_of(config, plain),
        with_preprocessing(plain, lambda key, batch: _prepare(batch)),
        lambda v, image: found(v, _scaled(image)),
        lambda: _fields(backbone, neck),
    )


def backbone_of(config: DetectorConfig) -> nn.PyramidBackbone:
    """The backbone of all heads.

    Args:
        config: of a detector.
    """
    widths = (config.width // 2, config.width, 2 * config.width)
    return nn.PyramidBackbone(widths=widths, levels=2, stem=2)


def update_of(config: DetectorConfig, objective: Objective) -> Update:
    """A training step, on batches `{"image", "xyxy", "label", "valid"}`.

    Args:
        config: of a detector.
        objective: of prepared batches.
    """

    def prepared(key: Key, batch: Batch) -> Batch:
        ready = _prepare(batch)
        return VARIED(key, ready) if config.augment else ready

    return descent(config, with_preprocessing(objective, prepared), **_how(config))


def update_of_game(config: DetectorConfig, game: Game) -> Update:
    """A training step of a game, on the batches of its objectives.

    Args:
        config: of a detector.
        game: whose generator's side is one.
    """
    optimizer = adam(config.learning_rate, config.steps, **_how(config))
    return with_ema(minimax(game, optimizer, optimizer), decay=config.ema)


def _how(config: DetectorConfig) -> dict[str, Any]:
    """How `adam` goes about it."""
    return {
        "weight_decay": config.weight_decay,
        "clip": 10.0,
        "warmup": min(200, config.steps // 4),
    }


def _fields(backbone: Any, neck: Any) -> dict[str, int]:
    """The receptive field of each level, and its stride, without any weight."""

    def network(x: Array, of_backbone: Variables, of_neck: Variables) -> Any:
        return neck.apply(of_neck, backbone.apply(of_backbone, x))

    x, key = jax.ShapeDtypeStruct((1, 512, 512, 1), jnp.float32), jax.random.key(0)
    of_backbone = jax.eval_shape(backbone.init, key, x)
    maps = jax.eval_shape(backbone.apply, of_backbone, x)
    of_neck = jax.eval_shape(neck.init, key, maps)
    found: dict[str, int] = {}
    for level, field in enumerate(
        receptive_field(network, x.shape, of_backbone, of_neck)
    ):
        found[f"field_of_level_{level}"] = field.size[0]
        found[f"stride_of_level_{level}"] = field.stride[0]
    return found


def dense_task(
    config: Any,
    pipeline: Pipeline,
    training: Pictures,
    validation: Pictures,
    test: Pictures,
    classes: Sequence[str],
) -> Task:
    """A detector of small images.

    Args:
        config: as `dense_model` takes it, and `batch_size`.
        pipeline: of batches `{"image", "xyxy", "label", "valid"}`.
        training: to take prior sizes of boxes from.
        validation: to choose the checkpoint by.
        test: to measure on.
        classes: their names.
    """
    kind = kind_of(config, training, classes)
    model = dense_model(config, kind)

    def validate(variables: Variables) -> Array:
        held = np.arange(min(len(validation), VALIDATED))
        batch = jax.tree.map(jnp.asarray, validation.gather(held))
        return model.objective.loss(variables, batch, jax.random.key(0))[0]

    def evaluate(variables: Variables) -> dict[str, Any]:
        detect = jax.jit(lambda image: model.detect(variables, image))
        return {**average_precision(detect, test, classes), **model.fields()}

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        del key
        arrays = test.gather(np.arange(min(len(test), 6)))
        found = jax.jit(model.detect)(variables, jnp.asarray(arrays["image"]))
        pairs, boxes = arrays["image"].repeat(2, axis=0), []
        for i in range(len(arrays["image"])):
            objects = labelled(confident(found, i, classes))
            boxes += [_true(arrays, i, classes), objects]
        titles = ["truth", "found"] * len(arrays["image"])
        return {"detections": boxes_on_images(pairs, boxes, titles=titles)}

    return Task(
        update=model.update,
        pipeline=pipeline,
        validate=validate,
        unit="loss",
        loss_unit="loss",
        evaluate=evaluate,
        figures=figures,
        files=lambda: {DETECTOR: kind.written()},
    )


def average_precision(
    detect: Callable[[Array], Boxes],
    source: Pictures,
    classes: Sequence[str],
    *,
    most: int = 100,
    areas: Mapping[str, tuple[float, float]] = COCO.areas,
) -> dict[str, float]:
    """COCO's numbers of a detector on a whole set, batch by batch, and each class's AP.

    Boxes and sizes are those in the original pictures. NaN where there is nothing to
    find.

    Args:
        detect: from images to detections.
        source: images and boxes.
        classes: their names.
        most: detections of an image that count.
        areas: ranges of sizes by name, in square pixels, all of them first.
    """
    size = min(32, len(source))
    protocol = COCO._replace(max_detections=(1, 10, most), areas=areas)
    state = detection_state(
        images=len(source), classes=len(classes), slots=most, protocol=protocol
    )
    for start in range(0, len(source), size):
        own = source.gather(np.arange(start, min(start + size, len(source))))
        count = len(own["image"])
        # One shape for all batches, so that one program serves them.
        filling = own["image"][:1].repeat(size - count, axis=0)
        found = detect(jnp.asarray(np.concatenate([own["image"], filling])))
        found = jax.tree.map(lambda leaf, n=count: np.asarray(leaf[:n]), found)
        back, places = placement_of(own).back, start + np.arange(count)
        truth = ground_truth_of_boxes(
            back.of(own["xyxy"]),
            own["label"],
            own["valid"],
            image=places,
            **{name: own.get(name) for name in ("crowd", "ignore", "area")},
        )
        detections = detections_of_boxes(
            back.of(found.xyxy), found.label, found.valid, found.score, image=places
        )
        state = coco_update(state, truth, detections)
    whole = {n: v if v > -1 else math.nan for n, v in coco_summary(state).items()}
    of_classes = zip(classes, coco_by_class(state)["AP"].tolist(), strict=True)
    return whole | {f"AP of {name}": value for name, value in of_classes}


def placement_of(arrays: Mapping[str, Any]) -> Placement:
    """Where the pixels of the original pictures lie in images.

    Args:
        arrays: a batch, with `scale` and `offset` where images were resized.
    """
    none = np.zeros((len(arrays["image"]), 2), np.float32)
    return Placement(arrays.get("scale", none + 1), arrays.get("offset", none))


def _prepare(batch: Batch) -> Batch:
    read = {name: batch[name] for name in ("xyxy", "label", "valid")}
    ignore = batch.get("ignore", jnp.zeros_like(batch["valid"]))
    return {"image": _scaled(batch["image"]), "ignore": ignore, **read}


def _scaled(image: Array) -> Array:
    """Floats, from bytes too."""
    scale = 255.0 if image.dtype == jnp.uint8 else 1.0
    return image.astype(jnp.float32) / scale


class Found(NamedTuple):
    """An object that was found: its box, its class and the score."""

    xyxy: np.ndarray
    name: str
    score: float


def confident(
    boxes: Boxes, image: int, classes: Sequence[str], *, least: float = 0.5
) -> list[Found]:
    """The confident detections of one image.

    Args:
        boxes: of a batch.
        image: its place in the batch.
        classes: their names.
        least: the lowest score.
    """
    xyxy, label, valid, score = (np.asarray(leaf[image]) for leaf in boxes[:4])
    return [
        Found(xyxy[row], classes[int(label[row])], float(score[row]))
        for row in np.flatnonzero(valid & (score > least))
    ]


def labelled(objects: Sequence[Found]) -> list[tuple[np.ndarray, str]]:
    """Boxes and what to write above them, for `boxes_on_images`."""
    return [(found.xyxy, f"{found.name} {found.score:.2f}") for found in objects]


def _true(
    arrays: Mapping[str, Any], image: int, classes: Sequence[str]
) -> list[tuple[Any, str]]:
    return [
        (arrays["xyxy"][image, row], classes[int(arrays["label"][image, row])])
        for row in np.flatnonzero(arrays["valid"][image])
    ]
