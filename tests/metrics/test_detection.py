import json

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.metrics import (
    Detections,
    GroundTruth,
    coco_add,
    coco_state,
    coco_summary,
    coco_update,
    detections_of_boxes,
    ground_truth_of_boxes,
)

PUBLISHED = {
    "AP": 0.504581,
    "AP50": 0.696973,
    "AP75": 0.572982,
    "APs": 0.585626,
    "APm": 0.519400,
    "APl": 0.501398,
    "AR1": 0.386813,
    "AR10": 0.593680,
    "AR100": 0.595353,
    "ARs": 0.639811,
    "ARm": 0.566421,
    "ARl": 0.564291,
}


def oracle(folder):
    """Ground truth and detections of the 100 images, by place."""
    content = json.loads((folder / "instances_val2014_100.json").read_text())
    results = json.loads(
        (folder / "instances_val2014_fakebbox100_results.json").read_text()
    )
    classes = {c["id"]: i for i, c in enumerate(content["categories"])}
    cases = []
    for image in sorted(entry["id"] for entry in content["images"]):
        own = [a for a in content["annotations"] if a["image_id"] == image]
        found = [r for r in results if r["image_id"] == image]
        truth = GroundTruth(
            np.array([a["bbox"] for a in own]).reshape(-1, 4),
            np.array([classes[a["category_id"]] for a in own], int),
            np.array([a["area"] for a in own]),
            np.array([a["iscrowd"] for a in own], bool),
        )
        detections = Detections(
            np.array([r["bbox"] for r in found]).reshape(-1, 4),
            np.array([classes[r["category_id"]] for r in found], int),
            np.array([r["score"] for r in found]),
        )
        cases.append((truth, detections))
    return cases, len(classes)


@pytest.mark.shared_data
def test_the_twelve_numbers_are_cocos_and_states_add_up(shared_data):
    cases, classes = oracle(shared_data / "coco_eval_oracle")
    halves = [coco_state(images=len(cases), classes=classes) for _ in range(2)]
    for image, (truth, found) in enumerate(cases):
        coco_update(halves[image % 2], image, truth, found)
    summary = coco_summary(coco_add(*halves))
    assert set(summary) == set(PUBLISHED)
    for name, value in PUBLISHED.items():
        assert summary[name] == pytest.approx(value, abs=1e-6), name


SQUARE = [[0, 0, 10, 10]]


def one_image(truths, founds, classes=1, crowd=()):
    state = coco_state(images=1, classes=classes)
    xyxy, labels = (
        np.array([t[0] for t in truths]).reshape(-1, 4),
        [t[1] for t in truths],
    )
    truth = ground_truth_of_boxes(
        xyxy, np.array(labels, int), np.ones(len(truths), bool)
    )
    truth = truth._replace(crowd=np.isin(np.arange(len(truths)), crowd))
    found = detections_of_boxes(
        np.array([f[0] for f in founds]).reshape(-1, 4),
        np.array([f[1] for f in founds], int),
        np.ones(len(founds), bool),
        np.array([f[2] for f in founds]),
    )
    return coco_summary(coco_update(state, 0, truth, found))


def test_small_cases_by_hand():
    box, other = [0, 0, 40, 40], [100, 100, 140, 140]

    def ap(founds):
        return pytest.approx(one_image([(box, 0)], founds)["AP"])

    assert ap([(box, 0, 0.9)]) == 1.0
    # A false alarm above the hit halves the precision; below, it costs nothing.
    assert ap([(box, 0, 0.5), (other, 0, 0.9)]) == 0.5
    assert ap([(box, 0, 0.9), (other, 0, 0.5)]) == 1.0
    # A second detection of one object is a false alarm.
    twice = one_image([(box, 0), (other, 0)], [(box, 0, 0.9), (box, 0, 0.8)])
    assert twice["AR100"] == 0.5
    # The wrong class finds nothing, and a class without truth is left out.
    assert one_image([(box, 0)], [(box, 1, 0.9)], classes=2)["AP"] == 0.0
    missed = one_image([(box, 0)], [])
    assert (missed["AP"], missed["APs"], missed["APm"]) == (0.0, -1.0, 0.0)


def test_crowds_take_many_and_count_for_none():
    crowd, inside = [0, 0, 100, 100], [10, 10, 50, 50]
    found = one_image(
        [(crowd, 0), ([200, 200, 240, 240], 0)],
        [(inside, 0, 0.9), (inside, 0, 0.8), ([200, 200, 240, 240], 0, 0.7)],
        crowd=[0],
    )
    assert found["AP"] == pytest.approx(1.0)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match=r"classes of found must be in 0 ... 0, got 3"):
        one_image([(SQUARE[0], 0)], [(SQUARE[0], 3, 0.5)])
    state = coco_state(images=1, classes=1)
    empty = Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
    nothing = ground_truth_of_boxes(
        np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool)
    )
    with pytest.raises(InputError, match=r"image must be in 0 ... 0, got 1"):
        coco_update(state, 1, nothing, empty)
    assert set(coco_summary(coco_update(state, 0, nothing, empty)).values()) == {-1.0}
    one = detections_of_boxes(np.array(SQUARE), np.array([0]), [True], np.array([0.5]))
    coco_update(state, 0, nothing, one)
    with pytest.raises(InputError, match="image 0 was entered before"):
        coco_update(state, 0, nothing, one)
