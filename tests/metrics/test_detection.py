import numpy as np
import pytest

from genjax.errors import InputError
from genjax.metrics import (
    VOC,
    coco_summary,
    coco_update,
    detection_add,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from tests.metrics.test_coco import SQUARE, one_image


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="every class of found must be in 0"):
        one_image([(SQUARE[0], 0)], [(SQUARE[0], 3, 0.5)])
    with pytest.raises(InputError, match="a score of image 0 is not finite"):
        one_image([(SQUARE[0], 0)], [(SQUARE[0], 0, np.nan)])
    state = detection_state(images=1, classes=1)
    empty = detections_of_boxes(np.zeros((0, 4)), [], np.zeros(0, bool), [])
    nothing = ground_truth_of_boxes(np.zeros((0, 4)), [], np.zeros(0, bool))
    assert set(coco_summary(coco_update(state, nothing, empty)).values()) == {-1.0}
    far = detections_of_boxes(SQUARE, [0], [True], [0.5], image=1)
    with pytest.raises(InputError, match="every image of found must be in 0"):
        coco_update(state, nothing, far)
    one = detections_of_boxes(SQUARE, [0], [True], [0.5])
    coco_update(state, nothing, one)
    with pytest.raises(InputError, match="image 0 was entered before"):
        coco_update(state, nothing, one)
    with pytest.raises(InputError, match="image 0 was entered before"):
        detection_add(state, state)
    with pytest.raises(InputError, match="are of the protocols"):
        detection_add(state, detection_state(images=1, classes=1, protocol=VOC))
    unknown = ground_truth_of_boxes([[0, 0, np.nan, 3]], [0], [True])
    with pytest.raises(InputError, match="a box of image 0 is not finite"):
        coco_update(detection_state(images=1, classes=1), unknown, empty)
    with pytest.raises(InputError, match="fields of found have the lengths"):
        coco_update(state, nothing, one._replace(score=np.zeros(2)))


def test_no_detection_is_cut_without_a_word():
    many = detections_of_boxes(
        np.tile([[0, 0, 9, 9]], (6, 1)), np.arange(6) % 2, np.ones(6, bool), np.ones(6)
    )
    nothing = ground_truth_of_boxes(np.zeros((0, 4)), [], np.zeros(0, bool))
    state = detection_state(images=1, classes=2, slots=5)
    with pytest.raises(InputError, match="image 0 has 6 detections that count"):
        coco_update(state, nothing, many)
