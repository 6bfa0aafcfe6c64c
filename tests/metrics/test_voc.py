import numpy as np
import pytest

from genjax.metrics import (
    VOC,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
    voc_2007_average_precision,
    voc_average_precision,
    voc_update,
)


def overlap(a, b, more):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + more
    shared = np.prod(np.maximum(sides, 0))
    areas = [np.prod(x[2:] - x[:2] + more) for x in (a, b)]
    return shared / (sum(areas) - shared)


def plain(truth, found, classes, more, eleven):
    """The rules of the development kit, detection by detection."""
    results = []
    for label in range(classes):
        objects = [t for t in truth if t[2] == label]
        count = sum(not t[3] for t in objects)
        own = sorted((f for f in found if f[2] == label), key=lambda f: -f[3])
        taken, true, false = set(), [], []
        for image, box, _, _ in own:
            best, place = -1.0, None
            for i, (other, target, _, _) in enumerate(objects):
                if other == image and (value := overlap(box, target, more)) > best:
                    best, place = value, i
            if best >= 0.5 and objects[place][3]:
                continue
            hit = best >= 0.5 and place not in taken
            if hit:
                taken.add(place)
            true.append(hit)
            false.append(not hit)
        if not count:
            results.append(np.nan)
            continue
        true, false = np.cumsum(true), np.cumsum(false)
        recall, precision = true / count, true / (true + false)
        if eleven:
            values = [
                max(precision[recall >= t], default=0) for t in np.arange(11) / 10
            ]
            results.append(np.mean(values))
        else:
            steps = np.diff(np.append(0, recall))
            tops = [precision[i:].max() for i in range(len(precision))]
            results.append(np.sum(steps * tops))
    return results


@pytest.mark.parametrize("more", [False, True])
def test_random_sets_are_measured_as_by_the_rules_one_by_one(more):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth, found = [], []
        for image in range(5):
            for _ in range(rng.integers(0, 8)):
                low = rng.integers(0, 40, 2)
                box = np.concatenate([low, low + rng.integers(5, 30, 2)]).astype(float)
                label = int(rng.integers(0, 3))
                truth.append((image, box, label, bool(rng.uniform() < 0.25)))
                for _ in range(rng.integers(0, 4)):
                    near = box + rng.integers(-3, 4, 4)
                    found.append((image, near, label, rng.uniform()))
        image, box, label, ignore = zip(*truth, strict=True)
        objects = ground_truth_of_boxes(
            np.array(box), np.array(label), np.ones(len(box), bool)
        )
        objects = objects._replace(image=np.array(image), ignore=np.array(ignore))
        image, box, label, score = zip(*found, strict=True)
        own = detections_of_boxes(
            np.array(box), np.array(label), np.ones(len(box), bool), np.array(score)
        )
        own = own._replace(image=np.array(image))
        state = detection_state(images=5, classes=3, slots=500, protocol=VOC)
        state = voc_update(state, objects, own, one_more_pixel=more)
        for eleven, measure in (
            (True, voc_2007_average_precision),
            (False, voc_average_precision),
        ):
            wanted = plain(truth, found, 3, more, eleven)
            np.testing.assert_allclose(measure(state)[0], wanted, atol=1e-12)
