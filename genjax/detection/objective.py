"""From backbone, neck and head to an objective and to detections."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.base import Head, Network, Objective, params_of
from genjax.detection.boxes import Boxes, ground_truth
from genjax.nn import join_parts, part_of, training_pass
from genjax.typing import Array, Batch, Key, Variables


def detection_objective(backbone: Network, neck: Network, head: Head) -> Objective:
    """Trains a dense detector.

        loss = sum over the head's terms of sum / max(count, 1), over the global batch

    Args:
        backbone: from images `[b, h, w, c]` to levels of features.
        neck: from levels to levels.
        head: a detection head that keeps nothing but parameters.

    Returns:
        An objective over batches `{"image": [b, h, w, c], "xyxy": [b, n, 4], "label":
        [b, n], "valid": [b, n]}`. Its metrics are `loss` and the head's terms.
    """

    def init(key: Key, batch: Batch) -> Variables:
        keys = jax.random.split(key, 3)
        of_backbone = backbone.init(keys[0], batch["image"])
        features, _ = training_pass(backbone, of_backbone, batch["image"])
        of_neck = neck.init(keys[1], features)
        levels, _ = training_pass(neck, of_neck, features)
        of_head = head.init(keys[2], levels)
        return join_parts(
            {
                "backbone": of_backbone,
                "neck": of_neck,
                "head": {"params": params_of(of_head, user="detection_objective")},
            }
        )

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        del key
        image = batch["image"]
        features, of_backbone = training_pass(
            backbone, part_of(variables, "backbone"), image
        )
        levels, of_neck = training_pass(neck, part_of(variables, "neck"), features)
        raw = head.apply(part_of(variables, "head"), levels)
        boxes = ground_truth(batch["xyxy"], batch["label"], batch["valid"])
        sums, counts = head.loss(raw, head.assign(boxes, image.shape[1:3]))
        terms = {name: sums[name] / jnp.maximum(counts[name], 1.0) for name in sums}
        value = sum(terms.values(), jnp.zeros(()))
        new = join_parts({"backbone": of_backbone, "neck": of_neck})
        return value, (new, {"loss": value, **terms})

    return Objective(init, loss)


def detector(
    backbone: Network, neck: Network, head: Head
) -> Callable[[Variables, Array], Boxes]:
    """Returns `(variables, images [b, h, w, c]) -> detections`, best first.

    Args:
        backbone: that of `detection_objective`.
        neck: that of `detection_objective`.
        head: that of `detection_objective`.
    """

    def detect(variables: Variables, image: Array) -> Boxes:
        features = backbone.apply(part_of(variables, "backbone"), image)
        levels = neck.apply(part_of(variables, "neck"), features)
        return head.decode(head.apply(part_of(variables, "head"), levels))

    return detect
