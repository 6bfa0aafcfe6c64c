import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.detection import densified, ground_truth, retina, retina_outputs
from genjax.detection._retina import Raw
from genjax.errors import InputError
from tests.metrics.test_coco import overlaps

ANCHORS = [[(8.0, 8.0), (6.0, 12.0)], [(16.0, 16.0), (14.0, 20.0)]]


def head_of(**kwargs):
    tower = nn.DenseTower(outputs=retina_outputs(3, anchors=2), width=4)
    return retina(tower, classes=3, strides=(4, 8), anchors=ANCHORS, **kwargs)


def test_anchors_are_matched_as_by_a_plain_loop():
    rng = np.random.default_rng(0)
    anchors = []
    for stride, level in ((4, ANCHORS[0]), (8, ANCHORS[1])):
        for row in range(32 // stride):
            for column in range(32 // stride):
                centre = stride * (np.array([column, row]) + 0.5)
                for size in level:
                    half = np.array(size) / 2
                    anchors.append(np.concatenate([centre - half, centre + half]))
    anchors = np.array(anchors)
    assign = jax.jit(lambda truth: head_of().assign(truth, (32, 32)))
    for _ in range(10):
        low = rng.uniform(0, 20, (3, 2))
        xyxy = np.concatenate([low, low + rng.uniform(4, 12, (3, 2))], axis=1)
        areas = np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1)
        xyxy = xyxy[np.argsort(areas)]
        truth = ground_truth(
            jnp.asarray(xyxy, jnp.float32)[None],
            jnp.zeros((1, 3), int),
            jnp.ones((1, 3), bool),
        )
        found = assign(truth)
        near = overlaps(anchors[:, None], xyxy[None])
        best = near.argmax(axis=0)
        for place, row in enumerate(near):
            own = [n for n in range(3) if best[n] == place]
            wanted = own[0] if own else row.argmax()
            positive = bool(own) or row.max() >= 0.5
            assert bool(found.positive[0, place]) == positive
            if positive:
                np.testing.assert_allclose(
                    found.xyxy[0, place], xyxy[wanted], rtol=1e-5
                )
            assert bool(found.learnt[0, place]) == (positive or row.max() < 0.4)


def test_bad_settings_are_sentences():
    with pytest.raises(InputError, match=r"negative_iou must be in \[0, 1\], got 1.3"):
        head_of(negative_iou=1.3)
    tower = nn.DenseTower(outputs=retina_outputs(3, anchors=2), width=4)
    head = retina(tower, classes=3, strides=(4, 8), anchors=[[(8.0, 8.0)], ANCHORS[1]])
    levels = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))
    raw = jax.eval_shape(
        lambda key: head.apply(head.init(key, levels), levels), jax.random.key(0)
    )
    with pytest.raises(InputError, match=r"with \[3, 6\] channels, got"):
        jax.eval_shape(head.decode, raw)


def test_levels_may_have_different_numbers_of_anchors():
    """With a tower whose levels have as many outputs; the boxes are the anchors."""
    anchors = [[(8.0, 8.0)], ANCHORS[1]]
    tower = nn.DenseTower(outputs=retina_outputs(1, anchors=2), width=4)
    head = retina(tower, classes=1, strides=(4, 8), anchors=anchors)
    logits = (jnp.full((1, 8, 8, 1), -20.0), jnp.full((1, 4, 4, 2), -20.0))
    logits = (logits[0].at[0, 0, 0, 0].set(9.0), logits[1].at[0, 2, 2, 1].set(20.0))
    raw = Raw(logits, (jnp.zeros((1, 8, 8, 4)), jnp.zeros((1, 4, 4, 8))))
    found = head.decode(raw)
    wanted = [[13.0, 10.0, 27.0, 30.0], [0.0, 0.0, 6.0, 6.0]]
    np.testing.assert_allclose(found.xyxy[0, :2], wanted, atol=1e-5)
    boxes = jnp.array([wanted])
    truth = ground_truth(boxes, jnp.zeros((1, 2), int), jnp.ones((1, 2), bool))
    targets = head.assign(truth, (32, 32))
    assert bool(targets.positive[0, 64 + 2 * (2 * 4 + 2) + 1])


def test_densified_anchors_are_boxes_about_their_own_centres():
    anchors = densified([[(8.0, 8.0)]], strides=(8,), density=2.0)
    tower = nn.DenseTower(outputs=retina_outputs(1, anchors=4), width=4)
    head = retina(tower, classes=1, strides=(8,), anchors=anchors)
    box = jnp.array([[[2.0, 2.0, 10.0, 10.0]]])
    truth = ground_truth(box, jnp.zeros((1, 1), int), jnp.ones((1, 1), bool))
    found = head.assign(truth, (32, 32))
    # The fourth anchor of the first cell is the box itself; no undensified one is.
    (place,) = np.flatnonzero(found.positive[0])
    assert place == 3
    logits = jnp.full((1, 4, 4, 4), -20.0).at[0, 0, 0, 3].set(20.0)
    raw = Raw((logits,), (jnp.zeros((1, 4, 4, 16)),))
    decoded = head.decode(raw)
    np.testing.assert_allclose(decoded.xyxy[0, 0], box[0, 0])
