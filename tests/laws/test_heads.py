"""What every detection head must do."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax import nn
from genjax.detection import (
    Boxes,
    detection_objective,
    detector,
    ground_truth,
    pairwise_iou,
)
from genjax.detection._dense import Targets
from genjax.errors import InputError
from genjax.metrics import (
    coco_summary,
    coco_update,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from genjax.training import gradient_descent
from tests.laws.heads import HEADS
from tests.laws.instances import scene_batch

heads = pytest.mark.parametrize("case", HEADS.values(), ids=HEADS.keys())
SIZE = (32, 32)
FEATURES = tuple(
    jax.random.normal(jax.random.key(9), (4, side, side, 8)) for side in (8, 4)
)


def boxes_of(batch):
    return ground_truth(batch["xyxy"], batch["label"], batch["valid"])


def assigned(case, boxes):
    return jax.jit(lambda boxes: case.head.assign(boxes, SIZE))(boxes)


@cache
def compiled(head):
    """Variables, and `(variables, boxes) -> (loss, gradient)`."""

    def loss(variables, boxes):
        raw = head.apply(variables, FEATURES)
        sums, counts = head.loss(raw, head.assign(boxes, SIZE))
        return sum(sums[k] / jnp.maximum(counts[k], 1.0) for k in sums)

    variables = jax.jit(head.init)(jax.random.key(0), FEATURES)
    return variables, jax.jit(jax.value_and_grad(loss))


def places(case, boxes, name):
    """What targets say of all places, `[b, p]`, of several branches side by side."""
    targets = assigned(case, boxes)
    parts = [targets] if isinstance(targets, Targets) else targets
    return np.concatenate([getattr(part, name) for part in parts], axis=1)


def loss_and_gradient(case, boxes):
    variables, gradient = compiled(case.head)
    return gradient(variables, boxes)


def assert_same(first, second):
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), first, second)


@heads
@pytest.mark.parametrize("garbage", [0.0, 7.0, -1e4, jnp.nan])
def test_padding_changes_nothing(case, garbage):
    boxes = boxes_of(scene_batch(4))
    rows = boxes.xyxy.shape[0]
    padding = Boxes(
        jnp.full((rows, 3, 4), garbage),
        jnp.full((rows, 3), 2),
        jnp.zeros((rows, 3), bool),
        jnp.ones((rows, 3)),
        jnp.ones((rows, 3), bool),
    )
    padded = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), boxes, padding)
    assert_same(loss_and_gradient(case, boxes), loss_and_gradient(case, padded))


@heads
def test_the_order_of_the_ground_truth_changes_nothing(case):
    boxes = boxes_of(scene_batch(4))
    turned = jax.tree.map(lambda leaf: leaf[:, ::-1], boxes)
    assert_same(loss_and_gradient(case, boxes), loss_and_gradient(case, turned))


@heads
def test_other_objects_need_no_other_program(case):
    boxes = boxes_of(scene_batch(4))
    loss_and_gradient(case, boxes)
    programs = compiled(case.head)[1]._cache_size()
    fewer = boxes._replace(valid=boxes.valid.at[:, 1:].set(False))
    loss_and_gradient(case, fewer._replace(xyxy=fewer.xyxy + 1))
    assert compiled(case.head)[1]._cache_size() == programs


@heads
def test_so_it_is_for_objects_of_one_size(case):
    boxes = boxes_of(scene_batch(4))
    pair = jnp.array([[4.0, 4.0, 14.0, 14.0], [4.5, 4.5, 14.5, 14.5]])
    boxes = boxes._replace(
        xyxy=jnp.broadcast_to(pair[None], boxes.xyxy.shape),
        label=jnp.tile(jnp.array([0, 1]), (4, 1)),
        valid=jnp.ones_like(boxes.valid),
    )
    turned = jax.tree.map(lambda leaf: leaf[:, ::-1], boxes)
    assert_same(loss_and_gradient(case, boxes), loss_and_gradient(case, turned))


@heads
@pytest.mark.parametrize(
    "box",
    [[20.0, 10, 50, 26], [-64, -64, 128, 128], [-9, -9, -1, -1], [28, 28, 32, 32]],
)
def test_boxes_that_reach_beyond_the_image_cost_and_are_cut(case, box):
    boxes = boxes_of(scene_batch(4))
    beyond = boxes._replace(
        xyxy=jnp.broadcast_to(
            jnp.array(box, jnp.float32)[None, None], boxes.xyxy.shape
        ),
        label=jnp.zeros_like(boxes.label),
    )
    inside = beyond._replace(xyxy=jnp.clip(beyond.xyxy, 0, 32))
    inside = inside._replace(
        valid=beyond.valid & jnp.all(inside.xyxy[..., 2:] > inside.xyxy[..., :2], -1)
    )
    value, gradient = loss_and_gradient(case, beyond)
    assert value >= 0
    assert_same((value, gradient), loss_and_gradient(case, inside))
    if box[2] > 0:
        assert np.any(places(case, beyond, "positive"))


@heads
def test_images_without_objects_are_finite(case):
    empty = jax.tree.map(jnp.zeros_like, boxes_of(scene_batch(4)))
    value, gradient = loss_and_gradient(case, empty)
    assert np.isfinite(value)
    for leaf in jax.tree.leaves(gradient):
        assert np.all(np.isfinite(leaf))


@heads
def test_nothing_is_learnt_in_a_region_to_ignore(case):
    boxes = boxes_of(scene_batch(4))
    everywhere = jnp.array([0.0, 0.0, *SIZE])[None, None]
    region = boxes._replace(
        xyxy=jnp.broadcast_to(everywhere, boxes.xyxy.shape),
        label=jnp.full_like(boxes.label, 99),
        valid=jnp.ones_like(boxes.valid),
        ignore=jnp.ones_like(boxes.ignore),
    )
    value, gradient = loss_and_gradient(case, region)
    assert value == 0
    for leaf in jax.tree.leaves(gradient):
        assert not np.any(leaf)
    # Objects in it are learnt like any other.
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), boxes, region)
    assert_same(places(case, both, "positive"), places(case, boxes, "positive"))


@heads
def test_a_small_region_is_ignored_too(case):
    boxes = boxes_of(scene_batch(4))
    spot = jnp.array([[2.2, 2.2, 3.8, 3.8]])
    region = boxes._replace(
        xyxy=jnp.broadcast_to(spot[None], boxes.xyxy.shape),
        valid=jnp.ones_like(boxes.valid),
        ignore=jnp.ones_like(boxes.ignore),
    )
    ignored = places(case, region, "ignored")
    assert np.all(np.any(ignored, axis=1))
    assert not np.all(ignored)


@heads
def test_levels_of_another_image_are_a_sentence(case):
    raw = case.encode(assigned(case, boxes_of(scene_batch(4))))
    wide = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf], axis=-1), raw)
    with pytest.raises(InputError, match="channels, got"):
        case.head.decode(wide)


@heads
def test_a_label_that_is_no_class_is_not_learnt(case):
    boxes = boxes_of(scene_batch(4))
    for label in (-1, 3):
        wrong = boxes._replace(label=jnp.full_like(boxes.label, label))
        assert np.isnan(loss_and_gradient(case, wrong)[0])


@heads
def test_images_must_be_whole_numbers_of_strides(case):
    message = "must divide the sides of the image, got (30|60)"
    with pytest.raises(InputError, match=message):
        case.head.assign(boxes_of(scene_batch(4)), (30, 32))


@heads
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_predictions_are_finite(case, size):
    targets = assigned(case, boxes_of(scene_batch(4)))
    raw = jax.tree.map(lambda leaf: jnp.full_like(leaf, size), case.encode(targets))

    def loss(raw):
        sums, counts = case.head.loss(raw, targets)
        return sum(sums[k] / jnp.maximum(counts[k], 1.0) for k in sums)

    value, gradient = jax.jit(jax.value_and_grad(loss))(raw)
    assert np.isfinite(value)
    for leaf in [*jax.tree.leaves(gradient), *jax.jit(case.head.decode)(raw)]:
        assert np.all(np.isfinite(leaf.astype(jnp.float32)))


@heads
def test_decoding_the_targets_gives_the_ground_truth(case):
    boxes = boxes_of(scene_batch(4))
    found = jax.jit(case.head.decode)(case.encode(assigned(case, boxes)))
    overlap = pairwise_iou(boxes.xyxy, found.xyxy)
    for image in range(4):
        for row in np.flatnonzero(boxes.valid[image]):
            best = int(
                jnp.argmax(jnp.where(found.valid[image], overlap[image, row], 0))
            )
            assert float(overlap[image, row, best]) > 0.999
            assert int(found.label[image, best]) == int(boxes.label[image, row])
        assert int(found.valid[image].sum()) == int(boxes.valid[image].sum())


@heads
def test_sixteen_images_are_learnt_by_heart(case):
    backbone = nn.PyramidBackbone(widths=(16, 16, 32), levels=2, stem=2)
    neck = nn.FPN(features=16)
    objective = detection_objective(backbone, neck, case.head)
    update = gradient_descent(objective, optax.adam(5e-3))
    batch = scene_batch(16)
    state = jax.jit(update.init)(jax.random.key(0), batch)
    step = jax.jit(update.step, donate_argnums=0)
    for _ in range(200):
        state, _ = step(state, batch)
    found = jax.jit(detector(backbone, neck, case.head))(
        state.variables, batch["image"]
    )
    images = np.arange(16)
    truth = ground_truth_of_boxes(
        *(batch[k] for k in ("xyxy", "label", "valid")), image=images
    )
    own = detections_of_boxes(*found[:4], image=images)
    state = coco_update(detection_state(images=16, classes=3), truth, own)
    assert coco_summary(state)["AP50"] >= 0.95
