import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import Selection, ground_truth
from genjax.detection._dense import (
    Grid,
    Targets,
    detections,
    grid_of_image,
    grid_of_levels,
    smallest,
    targets_by,
)
from genjax.errors import InputError


def test_places_are_the_centres_of_cells_level_by_level():
    grid = grid_of_image("test", (8, 16), (4, 8))
    assert grid.sizes == [(2, 4), (1, 2)]
    assert grid.image_size == (8, 16)
    wanted = [[x, y] for y in (2, 6) for x in (2, 6, 10, 14)] + [[4, 4], [12, 4]]
    np.testing.assert_array_equal(grid.centre, wanted)
    np.testing.assert_array_equal(grid.corner[-1], [8, 0])
    assert grid.side.tolist() == [4] * 8 + [8] * 2


def test_levels_that_do_not_belong_together_are_a_sentence():
    fine, coarse = jnp.zeros((1, 8, 8, 3)), jnp.zeros((1, 4, 4, 3))
    assert grid_of_levels("test", [fine, coarse], (4, 8), channels=[3, 3]).sizes
    for levels in ([fine, fine], [fine], [fine, coarse, coarse]):
        with pytest.raises(InputError, match=r"one image at the strides \[4, 8\]"):
            grid_of_levels("test", levels, (4, 8), channels=[3, 3])


def test_detections_are_the_best_of_all_classes_cut_and_padded():
    xyxy = jnp.array([[[-5.0, 0, 9, 9], [0, 0, 9, 9], [30, 30, 40, 40], [2, 2, 8, 8]]])
    score = jnp.array([[[0.9, 0.2], [0.8, 0.1], [0.7, 0.7], [0.01, 0.3]]])
    found = detections(score, xyxy, (20, 20), Selection(detections=5))
    # The second is suppressed, the third has no area within the image.
    assert found.valid[0].tolist() == [True] * 3 + [False] * 2
    assert found.label[0, :3].tolist() == [0, 1, 1]
    np.testing.assert_allclose(found.score[0], [0.9, 0.3, 0.2, 0, 0])
    np.testing.assert_array_equal(found.xyxy[0, 0], [0, 0, 9, 9])
    few = detections(score, xyxy, (20, 20), Selection(iou_threshold=None, candidates=2))
    assert few.score[0].tolist() == pytest.approx([0.9, 0.8])


def test_the_smallest_object_is_first_whatever_came_first():
    grid = Grid([(4, 4)], [4])
    xyxy = jnp.array([[[0.0, 0, 16, 16], [4, 4, 6, 6], [0, 0, 99, 99]]])
    truth = ground_truth(xyxy, jnp.array([[0, 1, 2]]), jnp.ones((1, 3), bool))

    def everywhere(boxes):
        return smallest(jnp.ones((16, boxes.xyxy.shape[0]), bool), boxes)

    targets = targets_by(everywhere, truth, grid)
    assert np.all(targets.label == 1)
    assert targets.boxes.label[0].tolist() == [1, 0, 2, 0]
    assert targets.boxes.valid[0].tolist() == [True, True, True, False]


def test_places_are_counted_for_each_object():
    boxes = ground_truth(
        8 * jnp.ones((2, 3, 4)), jnp.zeros((2, 3), int), jnp.ones((2, 3), bool)
    )
    index = jnp.array([[0, 0, 2, 1], [1, 1, 1, 0]])
    positive = jnp.array([[True, True, True, False], [True, True, False, False]])
    targets = Targets(index, positive, ~positive, boxes)
    assert targets.places.tolist() == [[2, 0, 1], [0, 2, 0]]
