"""What the experiments with dense detectors share."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.recipe import descent
from experiments.runner import Task
from genjax import nn
from genjax.data import ArraySource, Pipeline
from genjax.detection import Boxes, detection_objective, detector, fcos, fcos_outputs
from genjax.metrics import (
    coco_state,
    coco_summary,
    coco_update,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from genjax.plotting import boxes_on_images
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Key, Variables

STRIDES = (4, 8)


def dense_task(
    config: Any,
    pipeline: Pipeline,
    validation: ArraySource,
    test: ArraySource,
    classes: Sequence[str],
) -> Task:
    """An FCOS detector of small images.

    Args:
        config: has `width`, `ranges`, `learning_rate`, `weight_decay`, `steps`, `ema`
            and `batch_size`.
        pipeline: of batches `{"image", "xyxy", "label", "valid"}`.
        validation: to choose the checkpoint by.
        test: to measure on.
        classes: their names.
    """
    width = config.width
    backbone = nn.PyramidBackbone(
        widths=(width // 2, width, 2 * width), levels=2, stem=2
    )
    neck = nn.FPN(features=width)
    head = fcos(
        nn.DenseTower(outputs=fcos_outputs(len(classes)), width=width),
        classes=len(classes),
        strides=STRIDES,
        ranges=(config.ranges,),
    )
    objective = with_preprocessing(
        detection_objective(backbone, neck, head), lambda key, batch: _prepare(batch)
    )
    detect = detector(backbone, neck, head)

    def validate(variables: Variables) -> Array:
        batch = {name: jnp.asarray(v) for name, v in validation.arrays.items()}
        return objective.loss(variables, batch, jax.random.key(0))[0]

    def evaluate(variables: Variables) -> dict[str, Any]:
        return average_precision(
            jax.jit(lambda image: detect(variables, _scaled(image))), test, len(classes)
        )

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        del key
        images = test.arrays["image"][:12]
        found = jax.jit(detect)(variables, _scaled(jnp.asarray(images)))
        drawn = [_labelled(found, i, classes) for i in range(len(images))]
        return {"detections": boxes_on_images(images, drawn)}

    return Task(
        update=descent(
            config,
            objective,
            weight_decay=config.weight_decay,
            clip=10.0,
            warmup=min(200, config.steps // 4),
        ),
        pipeline=pipeline,
        validate=validate,
        unit="loss",
        loss_unit="loss",
        evaluate=evaluate,
        figures=figures,
    )


def average_precision(
    detect: Callable[[Array], Boxes], source: ArraySource, classes: int
) -> dict[str, float]:
    """COCO's numbers of a detector on a whole set, batch by batch.

    Args:
        detect: from images to detections.
        source: images and boxes.
        classes: how many there are.
    """
    arrays, size = source.arrays, 32
    state = coco_state(images=len(source), classes=classes)
    for start in range(0, len(source), size):
        images = arrays["image"][start : start + size]
        # One shape for all batches, so that one program serves them.
        whole = np.concatenate([images, images[:1].repeat(size - len(images), axis=0)])
        found = jax.tree.map(np.asarray, detect(jnp.asarray(whole)))
        for i in range(len(images)):
            row = start + i
            truth = ground_truth_of_boxes(
                *(
                    arrays[k][row]
                    for k in ("xyxy", "label", "valid", "crowd")
                    if k in arrays
                )
            )
            own = detections_of_boxes(
                found.xyxy[i], found.label[i], found.valid[i], found.score[i]
            )
            state = coco_update(state, row, truth, own)
    return coco_summary(state)


def _prepare(batch: Batch) -> Batch:
    # Boxes that stand for crowds are not learnt.
    crowd = batch.get("crowd", jnp.zeros_like(batch["valid"]))
    valid = batch["valid"] & ~crowd
    return {
        "image": _scaled(batch["image"]),
        "xyxy": batch["xyxy"],
        "label": batch["label"],
        "valid": valid,
    }


def _scaled(image: Array) -> Array:
    """Floats, from bytes too."""
    scale = 255.0 if image.dtype == jnp.uint8 else 1.0
    return image.astype(jnp.float32) / scale


def _labelled(
    found: Boxes, image: int, classes: Sequence[str]
) -> list[tuple[Any, str]]:
    """The confident detections of one image, for `boxes_on_images`."""
    rows = np.flatnonzero(np.asarray(found.valid[image] & (found.score[image] > 0.5)))
    return [
        (
            np.asarray(found.xyxy[image, row]),
            f"{classes[int(found.label[image, row])]} {found.score[image, row]:.2f}",
        )
        for row in rows
    ]
