import numpy as np

from genjax.metrics import (
    coco_update,
    confusion_matrix,
    detection_calibration,
    detection_errors,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)

BOX, FAR, LONE = [0, 0, 40, 40], [100, 100, 140, 140], [200, 0, 240, 40]


def objects(*rows, ignore=()):
    boxes, labels = zip(*rows, strict=True)
    valid = np.ones(len(rows), bool)
    spared = np.isin(np.arange(len(rows)), ignore)
    return ground_truth_of_boxes(
        np.array(boxes), np.array(labels), valid, ignore=spared
    )


def detected(*rows):
    boxes, labels, scores = zip(*rows, strict=True)
    valid = np.ones(len(rows), bool)
    return detections_of_boxes(
        np.array(boxes), np.array(labels), valid, np.array(scores)
    )


def test_every_kind_of_error_is_counted_once():
    truth = objects((BOX, 0), (FAR, 1), (LONE, 0))
    found = detected(
        (BOX, 0, 0.9),
        ([2, 0, 40, 40], 0, 0.8),  # a duplicate
        (FAR, 0, 0.7),  # the class
        ([25, 0, 65, 40], 0, 0.6),  # the place: IoU 15 / 65
        ([25, 0, 65, 40], 1, 0.5),  # both
        ([300, 300, 310, 310], 0, 0.4),  # background
    )
    assert detection_errors(truth, found) == {
        "found": 1,
        "class": 1,
        "duplicate": 1,
        "place": 1,
        "both": 1,
        "background": 1,
        "missed": 1,
    }
    few = detection_errors(truth, found, least_score=0.85)
    assert {k: v for k, v in few.items() if v} == {"found": 1, "missed": 2}


def test_what_is_ignored_counts_neither_way():
    truth = objects((BOX, 0), (FAR, 1), ignore=[0])
    found = detected((BOX, 0, 0.9), (FAR, 1, 0.8), (BOX, 0, 0.7))
    errors = detection_errors(truth, found)
    assert {k: v for k, v in errors.items() if v} == {"found": 1}
    table = confusion_matrix(truth, found, classes=2)
    assert table.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_confusions_are_by_place_and_not_by_class():
    truth = objects((BOX, 0), (FAR, 1), (LONE, 1))
    found = detected((BOX, 1, 0.9), (FAR, 1, 0.8), ([400, 0, 410, 9], 0, 0.7))
    found = found._replace(image=np.array([0, 0, 0]))
    table = confusion_matrix(truth, found, classes=2)
    assert table.tolist() == [[0, 1, 0], [0, 1, 1], [1, 0, 0]]
    other = found._replace(image=np.array([1, 1, 1]))
    apart = confusion_matrix(truth, other, classes=2)
    assert apart.tolist() == [[0, 0, 1], [0, 0, 2], [1, 2, 0]]


def test_scores_are_held_against_the_share_of_hits():
    rng = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(400):
        hit = rng.uniform() < 0.35
        truth.append((BOX, 0))
        found.append((BOX if hit else FAR, 0, 0.75))
    truth, found = objects(*truth), detected(*found)
    places = np.arange(400)
    state = detection_state(images=400, classes=1)
    state = coco_update(
        state, truth._replace(image=places), found._replace(image=places)
    )
    result = detection_calibration(state, bins=4)
    share = np.mean(found.xywh[:, 0] == 0)
    np.testing.assert_allclose(result.precision[3], share)
    np.testing.assert_allclose(result.error, 0.75 - share)
    assert result.count.tolist() == [0, 0, 0, 400]
    assert np.isnan(result.score[:3]).all()
    empty = detection_calibration(detection_state(images=1, classes=1))
    assert np.isnan(empty.error)
