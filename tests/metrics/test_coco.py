import contextlib
import io
import json

import hotcoco
import numpy as np
import pytest
from pycocotools.coco import COCO as Api
from pycocotools.cocoeval import COCOeval

from genjax.errors import InputError
from genjax.metrics import (
    COCO,
    Detections,
    EvaluationProtocol,
    GroundTruth,
    areas_between,
    coco_results,
    coco_summary,
    coco_update,
    detection_add,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
    recall_precision,
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


def read_oracle(folder):
    """Ground truth and detections of the 100 images, one after another."""
    content = json.loads((folder / "instances_val2014_100.json").read_text())
    results = json.loads(
        (folder / "instances_val2014_fakebbox100_results.json").read_text()
    )
    return of_coco(content, results)


def of_coco(content, results):
    classes = {c["id"]: i for i, c in enumerate(content["categories"])}
    images = {
        id_: i for i, id_ in enumerate(sorted(e["id"] for e in content["images"]))
    }
    own = content["annotations"]

    def fields(entries):
        return (
            np.array([images[e["image_id"]] for e in entries], int),
            np.array([e["bbox"] for e in entries], float).reshape(-1, 4),
            np.array([classes[e["category_id"]] for e in entries], int),
        )

    crowd = np.array([e["iscrowd"] for e in own], bool)
    truth = GroundTruth(*fields(own), np.array([e["area"] for e in own]), crowd, crowd)
    found = Detections(*fields(results), np.array([e["score"] for e in results]))
    return truth, found, len(images), len(classes)


def only(entries, keep):
    return type(entries)(*(field[keep] for field in entries))


@pytest.mark.shared_data
def test_results_are_written_as_they_were_read(shared_data):
    _, found, _, _ = read_oracle(shared_data / "coco_eval_oracle")
    folder = shared_data / "coco_eval_oracle"
    content = json.loads((folder / "instances_val2014_100.json").read_text())
    results = (folder / "instances_val2014_fakebbox100_results.json").read_text()
    images = sorted(entry["id"] for entry in content["images"])
    categories = [entry["id"] for entry in content["categories"]]
    written = coco_results(found, image_ids=images, category_ids=categories)
    for own, wanted in zip(written, json.loads(results), strict=True):
        assert {k: own[k] for k in ("image_id", "category_id")} == {
            k: wanted[k] for k in ("image_id", "category_id")
        }
        np.testing.assert_allclose(own["bbox"], wanted["bbox"], atol=1e-3)
        np.testing.assert_allclose(own["score"], wanted["score"], atol=1e-5)


@pytest.mark.shared_data
def test_the_twelve_numbers_are_cocos_and_states_add_up(shared_data):
    truth, found, images, classes = read_oracle(shared_data / "coco_eval_oracle")
    halves = []
    for half in range(2):
        state = detection_state(images=images, classes=classes)
        own = only(truth, truth.image % 2 == half), only(found, found.image % 2 == half)
        halves.append(coco_update(state, *own))
    summary = coco_summary(detection_add(*halves))
    assert set(summary) == set(PUBLISHED)
    for name, value in PUBLISHED.items():
        assert summary[name] == pytest.approx(value, abs=1e-6), name


def random_set(seed):
    """Images with objects of all sizes, crowds, and detections with equal scores."""
    rng = np.random.default_rng(seed)
    classes, annotations, results = 3, [], []
    for image in range(6):
        for _ in range(rng.integers(0, 12)):
            box = np.round(rng.uniform([0, 0, 4, 4], [300, 300, 150, 150])).tolist()
            category = int(rng.integers(1, classes + 1))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": category,
                    "bbox": box,
                    "area": box[2] * box[3] * rng.uniform(0.5, 1),
                    "iscrowd": int(rng.uniform() < 0.2),
                }
            )
            for _ in range(rng.integers(0, 5)):
                near = np.round(np.array(box) + rng.normal(size=4) * 6)
                near[2:] = np.maximum(near[2:], 1)
                label = category if rng.uniform() < 0.8 else 1 + category % classes
                results.append(
                    {
                        "image_id": image,
                        "category_id": label,
                        "bbox": near.tolist(),
                        "score": round(rng.uniform(), 1),
                    }
                )
    return {
        "info": {},
        "images": [{"id": image} for image in range(6)],
        "categories": [{"id": c, "name": str(c)} for c in range(1, classes + 1)],
        "annotations": annotations,
    }, results


def numbers_of_pycocotools(content, results):
    api = Api()
    api.dataset = content
    with contextlib.redirect_stdout(io.StringIO()):
        api.createIndex()
        evaluation = COCOeval(api, api.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def test_random_sets_are_measured_as_by_pycocotools():
    for seed in range(50):
        content, results = random_set(seed)
        truth, found, images, classes = of_coco(content, results)
        state = detection_state(images=images, classes=classes)
        summary = coco_summary(coco_update(state, truth, found))
        wanted = numbers_of_pycocotools(content, results)
        np.testing.assert_allclose(list(summary.values()), wanted, atol=1e-9)


def overlaps(a, b):
    """Intersection over union of `xyxy`, by the definition."""
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    whole = sum(np.prod(x[..., 2:] - x[..., :2], axis=-1) for x in (a, b))
    return shared / (whole - shared)


SQUARE = [[0, 0, 10, 10]]


def one_image(truths, founds, classes=1, crowd=(), ignore=()):
    state = detection_state(images=1, classes=classes)
    places = np.arange(len(truths))
    truth = ground_truth_of_boxes(
        np.array([t[0] for t in truths]).reshape(-1, 4),
        np.array([t[1] for t in truths], int),
        np.ones(len(truths), bool),
        crowd=np.isin(places, crowd),
        ignore=np.isin(places, ignore),
    )
    found = detections_of_boxes(
        np.array([f[0] for f in founds]).reshape(-1, 4),
        np.array([f[1] for f in founds], int),
        np.ones(len(founds), bool),
        np.array([f[2] for f in founds], float),
    )
    return coco_summary(coco_update(state, truth, found))


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


def test_difficult_objects_need_not_be_found_once():
    box, other = [0, 0, 40, 40], [100, 100, 140, 140]
    found = [(box, 0, 0.9), (other, 0, 0.8)]

    def ap(found, **spared):
        return one_image([(box, 0), (other, 0)], found, **spared)["AP"]

    assert one_image([(box, 0), (other, 0)], found, ignore=[0])["AP"] == pytest.approx(
        1.0
    )
    assert one_image([(box, 0), (other, 0)], found[1:], ignore=[0])[
        "AP"
    ] == pytest.approx(1.0)
    # Unlike a crowd, it takes one: the second is a false alarm.
    twice = [(box, 0, 0.9), (box, 0, 0.85), (other, 0, 0.8)]
    assert one_image([(box, 0), (other, 0)], twice, ignore=[0])["AP"] == pytest.approx(
        0.5
    )
    assert one_image([(box, 0), (other, 0)], twice, crowd=[0])["AP"] == pytest.approx(
        1.0
    )


def test_a_protocol_of_ones_own_has_its_own_numbers():
    protocol = EvaluationProtocol(
        thresholds=(0.3, 0.5),
        areas={"": (0, 1e9), "tiny": (0, 50)},
        max_detections=(2,),
    )
    truth = ground_truth_of_boxes(SQUARE, [0], [True], area=[40])
    found = detections_of_boxes([[0, 0, 10, 4]], [0], [True], [0.9])
    state = detection_state(images=1, classes=1, protocol=protocol)
    state = coco_update(state, truth, found)
    assert coco_summary(state) == pytest.approx(
        {"AP": 0.5, "AP50": 0, "APtiny": 0.5, "AR2": 0.5, "ARtiny": 0.5}
    )
    curve = recall_precision(state)
    np.testing.assert_allclose(curve[:, 0], 1.0)


def test_precision_is_told_by_sizes():
    """Of objects of 4, 10 and 20 pixels, the middle one is found; a range is empty."""
    sides = np.array([4.0, 10, 20])
    xyxy = np.stack([0 * sides, 30 * np.arange(3), sides, 30 * np.arange(3) + sides], 1)
    protocol = COCO._replace(areas=areas_between((0.0, 8.0, 16.0, 32.0, 64.0)))
    state = detection_state(images=1, classes=1, protocol=protocol)
    truth = ground_truth_of_boxes(xyxy, [0] * 3, [True] * 3)
    found = detections_of_boxes(xyxy[1:2], [0], [True], [0.9])
    numbers = coco_summary(coco_update(state, truth, found))
    assert numbers["AP_0_to_8"] == 0
    assert numbers["AP_8_to_16"] == pytest.approx(1)
    assert numbers["AP_16_to_32"] == 0
    assert numbers["AP_32_to_64"] == -1
    assert numbers["AR_8_to_16"] == pytest.approx(1)
    with pytest.raises(InputError, match=r"ascending from 0 on, got \[8.0, 8.0\]"):
        areas_between((8.0, 8.0))


def test_the_other_implementation_agrees(tmp_path):
    content, results = random_set(3)
    paths = [tmp_path / name for name in ("truth.json", "found.json")]
    for path, value in zip(paths, (content, results), strict=True):
        path.write_text(json.dumps(value))
    api = hotcoco.COCO(str(paths[0]))
    evaluation = hotcoco.COCOeval(api, api.load_res(str(paths[1])), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    truth, found, images, classes = of_coco(content, results)
    state = detection_state(images=images, classes=classes)
    summary = coco_summary(coco_update(state, truth, found))
    np.testing.assert_allclose(list(summary.values()), evaluation.stats[:12], atol=1e-6)
