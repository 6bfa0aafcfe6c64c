import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.detection import atss, by_size, fcos, fcos_outputs, ground_truth
from genjax.detection._fcos import centerness_of
from genjax.errors import InputError
from tests.laws.heads import GRID
from tests.laws.instances import tiny_fcos


def targets_of(boxes, labels):
    xyxy = jnp.asarray(boxes, jnp.float32)[None]
    label = jnp.asarray(labels, jnp.int32)[None]
    truth = ground_truth(xyxy, label, jnp.ones(label.shape, bool))
    return jax.jit(lambda truth: tiny_fcos().assign(truth, (32, 32)))(truth)


def classes_of(targets):
    """The class of every place, 3 for the background."""
    return np.where(targets.positive, targets.label, 3)


def test_places_near_the_centre_learn_the_distances():
    targets = targets_of([[2.0, 4.0, 14.0, 16.0]], [1])
    fine = classes_of(targets)[0, :64].reshape(8, 8)
    # Centre (8, 10), radius 6 pixels: places at 2 + 4 i within it and inside the box.
    inside = [
        (row, column)
        for row in range(8)
        for column in range(8)
        if abs(4 * column + 2 - 8) < 6 and abs(4 * row + 2 - 10) < 6
    ]
    # Of these, the finer level takes those whose longest distance is at most 8.
    wanted = np.full((8, 8), 3)
    for row, column in inside:
        x, y = 4 * column + 2, 4 * row + 2
        reach = max(x - 2, 14 - x, y - 4, 16 - y)
        wanted[row, column] = 1 if reach <= 8 else 3
    np.testing.assert_array_equal(fine, wanted)
    place = 2 * 8 + 1
    np.testing.assert_allclose(targets.xyxy[0, place], [2, 4, 14, 16])
    centerness = centerness_of(targets, GRID.centre[None])
    np.testing.assert_allclose(centerness[0, place], np.sqrt(0.5))
    assert np.all(np.where(targets.positive, 0, centerness) == 0)


def test_the_smallest_of_several_boxes_wins_whatever_their_order():
    large, small = [0.0, 0.0, 16.0, 16.0], [4.0, 4.0, 12.0, 12.0]
    for boxes, labels in (([large, small], [0, 2]), ([small, large], [2, 0])):
        label = classes_of(targets_of(boxes, labels))[0, :64].reshape(8, 8)
        assert int(label[1, 1]) == 2


def test_images_may_have_no_boxes_at_all():
    targets = targets_of(np.zeros((0, 4)), np.zeros(0, int))
    assert not np.any(targets.positive)


def test_bad_settings_are_sentences():
    tower = nn.DenseTower(outputs=fcos_outputs(3), width=8)
    with pytest.raises(InputError, match="classes must be at least 1, got 0"):
        fcos(tower, classes=0, strides=(4,), matching=atss())


def test_boxes_of_any_size_are_learnt():
    head = fcos(
        nn.DenseTower(outputs=fcos_outputs(2), width=4),
        classes=2,
        strides=(64,),
        matching=by_size(ranges=()),
    )
    for side in (9984.0, 10048.0):
        xyxy = jnp.array([[[0.0, 0.0, side, side]]])
        truth = ground_truth(xyxy, jnp.zeros((1, 1), int), jnp.ones((1, 1), bool))
        targets = jax.jit(lambda truth: head.assign(truth, (12_800, 12_800)))(truth)
        # Centres of cells of 64 pixels within 1.5 cells of the box's centre.
        places = np.arange(200) * 64 + 32
        near = (np.abs(places - side / 2) < 96).sum() ** 2
        assert int(targets.positive.sum()) == near
