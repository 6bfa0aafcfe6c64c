"""From backbone, neck and head to an objective and to detections."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.base import Head, NetworkLike, Objective
from genjax.checks import check_is, read_batch
from genjax.detection._boxes import Boxes, ground_truth
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Key, Outcome, Variables
from genjax.variables import join_changes, join_parts, part_of

FIELDS = ("image", "xyxy", "label", "valid")
OPTIONAL = ("ignore",)


def detection_objective(
    backbone: NetworkLike, neck: NetworkLike, head: Head
) -> Objective:
    """Trains a dense detector.

        loss = sum over the head's terms of sum / max(count, 1), over the global batch

    Args:
        backbone: from images `[b, h, w, c]` to levels of features.
        neck: from levels to levels.
        head: a detection head.

    Returns:
        An objective over batches `{"image": [b, h, w, c], "xyxy": [b, n, 4], "label":
        [b, n], "valid": [b, n]}`, and `"ignore": [b, n]` where some boxes are neither
        objects nor background. Its metrics are `loss` and the head's terms.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection import by_size, detection_objective
    >>> from genjax.detection import fcos, fcos_outputs
    >>> tower = nn.DenseTower(outputs=fcos_outputs(3), width=4)
    >>> match = by_size(ranges=(16.0,))
    >>> head = fcos(tower, classes=3, strides=(4, 8), matching=match)
    >>> backbone = nn.PyramidBackbone(widths=(4, 4, 4), levels=2, stem=2)
    >>> objective = detection_objective(backbone, nn.FPN(features=4), head)
    >>> box = {"xyxy": jnp.array([[[2.0, 2.0, 9.0, 9.0]]]), "label": jnp.array([[1]])}
    >>> batch = {**box, "image": jnp.ones((1, 32, 32, 3)), "valid": jnp.array([[True]])}
    >>> variables = jax.jit(objective.init)(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    check_is("detection_objective", Head, head=head)
    trunk = as_network(backbone, user="detection_objective")
    joint = as_network(neck, user="detection_objective")

    def init(key: Key, batch: Batch, /) -> Variables:
        image, *_ = read_batch("detection_objective", batch, FIELDS, OPTIONAL)
        keys = jax.random.split(key, 3)
        of_backbone = trunk.init(keys[0], image)
        features = trunk.apply(of_backbone, image)
        of_neck = joint.init(keys[1], features)
        of_head = head.init(keys[2], joint.apply(of_neck, features))
        return join_parts({"backbone": of_backbone, "neck": of_neck, "head": of_head})

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        image, *objects = read_batch("detection_objective", batch, FIELDS, OPTIONAL)
        keys, changed = jax.random.split(key, 3), {}
        features, changed["backbone"] = trunk.train(
            part_of(variables, "backbone"), keys[0], image
        )
        levels, changed["neck"] = joint.train(
            part_of(variables, "neck"), keys[1], features
        )
        raw, changed["head"] = head.train(part_of(variables, "head"), keys[2], levels)
        boxes = ground_truth(*objects)
        sums, counts = head.loss(raw, head.assign(boxes, image.shape[1:3]))
        terms = {name: sums[name] / jnp.maximum(counts[name], 1.0) for name in sums}
        value = sum(terms.values(), jnp.zeros(()))
        return value, (join_changes(changed), {"loss": value, **terms})

    return Objective(init, loss)


def detector(
    backbone: NetworkLike, neck: NetworkLike, head: Head
) -> Callable[[Variables, Array], Boxes]:
    """Returns `(variables, images [b, h, w, c]) -> detections`, best first.

    Args:
        backbone: that of `detection_objective`.
        neck: that of `detection_objective`.
        head: that of `detection_objective`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection import Selection, centernet, centernet_outputs
    >>> from genjax.detection import detection_objective, detector
    >>> tower = nn.DenseTower(outputs=centernet_outputs(3), width=4)
    >>> best = Selection(detections=7)
    >>> head = centernet(tower, classes=3, stride=4, selection=best)
    >>> backbone = nn.PyramidBackbone(widths=(4, 4, 4), levels=2, stem=2)
    >>> parts = backbone, nn.FPN(features=4, finest=1)
    >>> image, box = jnp.ones((1, 32, 32, 3)), jnp.ones((1, 1, 4))
    >>> objects = {"xyxy": box, "label": jnp.array([[1]]), "valid": jnp.array([[True]])}
    >>> objective = detection_objective(*parts, head)
    >>> batch = {"image": image, **objects}
    >>> variables = jax.jit(objective.init)(jax.random.key(0), batch)
    >>> detector(*parts, head)(variables, image).xyxy.shape
    (1, 7, 4)
    """
    check_is("detector", Head, head=head)
    trunk = as_network(backbone, user="detector")
    joint = as_network(neck, user="detector")

    def detect(variables: Variables, image: Array) -> Boxes:
        features = trunk.apply(part_of(variables, "backbone"), image)
        levels = joint.apply(part_of(variables, "neck"), features)
        return head.decode(head.apply(part_of(variables, "head"), levels))

    return detect
