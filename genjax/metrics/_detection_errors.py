"""Why a detector is wrong: kinds of errors, confusions of classes, calibration."""

from typing import NamedTuple

import numpy as np

from genjax.metrics._detection import (
    Detections,
    DetectionState,
    GroundTruth,
    overlaps,
)


class Calibration(NamedTuple):
    """Scores beside the share of detections that are right, in bins of the score.

    Fields:
        score: mean of each bin `[bins]`; NaN where it is empty.
        precision: share of hits `[bins]`; NaN where it is empty.
        count: detections `[bins]`.
        error: the mean of `|score - precision|`, weighted by count; NaN without any.
    """

    score: np.ndarray
    precision: np.ndarray
    count: np.ndarray
    error: float


def detection_errors(
    truth: GroundTruth,
    found: Detections,
    *,
    least_score: float = 0.0,
    found_iou: float = 0.5,
    background_iou: float = 0.1,
) -> dict[str, int]:
    """Counts the errors of a detector by their kinds.

    Detections are matched by descending score, each to the free object of its class
    that it overlaps most, by `found_iou` at least. Each of the others is, in this
    order,

    - `class`: it overlaps an object of another class by `found_iou`,
    - `duplicate`: it overlaps one of its class by `found_iou`, which has a better one,
    - `place`: it overlaps one of its class by `background_iou`,
    - `both`: it overlaps one of another class by `background_iou`,
    - `background`: it overlaps nothing.

    An object is `missed` that is not found, nor met by an error of class or place.

    Boxes are `[m, 4]` and `[n, 4]`, as `GroundTruth` and `Detections` state them.

    Args:
        truth: all objects; those to ignore have no part, nor have the detections that
            overlap none but them.
        found: all detections.
        least_score: detections below have no part.
        found_iou: overlap from which on an object is found.
        background_iou: overlap from which on a detection is about an object.

    Returns:
        The counts, with those of `found` objects.

    Source: Bolya, Foley, Hays and Hoffman, 2020, arXiv:2008.08115.

    >>> from genjax.metrics import detection_errors, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes
    >>> truth = ground_truth_of_boxes([[0, 0, 9, 9]], [0], [True])
    >>> box = [[0, 0, 9, 9]] * 2
    >>> found = detections_of_boxes(box, [0, 1], [True] * 2, [0.9, 0.8])
    >>> {name: n for name, n in detection_errors(truth, found).items() if n}
    {'found': 1, 'class': 1}
    """
    names = ("found", "class", "duplicate", "place", "both", "background", "missed")
    counts = dict.fromkeys(names, 0)
    for objects, own in _by_image(truth, found, least_score):
        near = overlaps(own.xywh, objects.xywh, np.zeros(len(objects.label), bool))
        same = own.label[:, None] == objects.label[None]
        spared = objects.ignore.astype(bool)
        taken, met = np.zeros(len(spared), bool), np.zeros(len(spared), bool)
        for row, of_class in zip(near, same, strict=True):
            right = np.where(of_class & ~spared, row, -1.0)
            free = np.where(taken, -1.0, right)
            other = np.where(~of_class & ~spared, row, -1.0)
            if free.max(initial=-1.0) >= found_iou:
                taken[free.argmax()] = True
                counts["found"] += 1
                continue
            if row[spared].max(initial=0.0) >= found_iou:
                continue
            kinds = (
                ("class", other, found_iou),
                ("duplicate", right, found_iou),
                ("place", right, background_iou),
                ("both", other, background_iou),
            )
            hit = [k for k in kinds if k[1].max(initial=-1.0) >= k[2]]
            name = hit[0][0] if hit else "background"
            counts[name] += 1
            if name in ("class", "place"):
                met[hit[0][1].argmax()] = True
        counts["missed"] += int((~taken & ~met & ~spared).sum())
    return counts


def confusion_matrix(
    truth: GroundTruth,
    found: Detections,
    *,
    classes: int,
    least_score: float = 0.25,
    found_iou: float = 0.5,
) -> np.ndarray:
    """Counts which classes objects are taken for, `[classes + 1, classes + 1]`.

    Rows are the objects' classes, columns the detections'; the last of both is
    background: missed objects, and detections of nothing. Detections are matched by
    descending score, whatever their class, each to the free object that it overlaps
    most.

    Boxes are `[m, 4]` and `[n, 4]`, as `GroundTruth` and `Detections` state them.

    Args:
        truth: all objects; those to ignore may be found, and count neither way.
        found: all detections.
        classes: how many there are.
        least_score: detections below have no part.
        found_iou: overlap from which on an object is found.

    >>> from genjax.metrics import confusion_matrix, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes
    >>> truth = ground_truth_of_boxes([[0, 0, 9, 9]], [0], [True])
    >>> found = detections_of_boxes([[0, 0, 9, 8]], [1], [True], [0.9])
    >>> confusion_matrix(truth, found, classes=2).tolist()
    [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    """
    table = np.zeros((classes + 1, classes + 1), np.int64)
    for objects, own in _by_image(truth, found, least_score):
        near = overlaps(own.xywh, objects.xywh, np.zeros(len(objects.label), bool))
        spared = objects.ignore.astype(bool)
        taken = np.zeros(len(spared), bool)
        for row, label in zip(near, own.label, strict=True):
            free = np.where(taken, -1.0, row)
            if free.max(initial=-1.0) < found_iou:
                table[classes, label] += 1
                continue
            place = free.argmax()
            taken[place] = not spared[place]
            if not spared[place]:
                table[objects.label[place], label] += 1
        np.add.at(table[:, classes], objects.label[~taken & ~spared], 1)
    return table


def detection_calibration(
    state: DetectionState,
    *,
    bins: int = 10,
    threshold: int = 0,
) -> Calibration:
    """Returns how far scores are from the share of detections that are right.

    Args:
        state: after `coco_update`, with detections `[images, slots]`.
        bins: of the score, from 0 to 1, equally wide.
        threshold: the place of the overlap among the protocol's.

    Source: Kueppers, Kronenberger, Shantia and Haselhoff, 2020, arXiv:2004.13546.

    >>> from genjax.metrics import coco_update, detection_calibration, detection_state
    >>> from genjax.metrics import detections_of_boxes, ground_truth_of_boxes
    >>> state = detection_state(images=1, classes=1)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> round(detection_calibration(coco_update(state, truth, found)).error, 3)
    0.1
    """
    counted = (state.label > 0) & ~state.ignored[:, :, 0, threshold].astype(bool)
    score = state.score[counted]
    hit = state.matched[:, :, 0, threshold][counted].astype(float)
    place = np.clip((score * bins).astype(int), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, score, minlength=bins) / count
        precision = np.bincount(place, hit, minlength=bins) / count
    used = count > 0
    gaps = np.abs(mean - precision)[used]
    error = float(np.average(gaps, weights=count[used])) if used.any() else np.nan
    return Calibration(mean, precision, count, error)


def _by_image(
    truth: GroundTruth, found: Detections, least_score: float
) -> list[tuple[GroundTruth, Detections]]:
    """Objects and detections image by image, the latter best first."""
    order = np.lexsort((-found.score, found.image))
    order = order[found.score[order] >= least_score]
    best = Detections(*(field[order] for field in found))
    order = np.argsort(truth.image, kind="stable")
    objects = GroundTruth(*(field[order] for field in truth))
    images = np.union1d(objects.image, best.image)
    of_objects, of_best = (
        [slice(*ends) for ends in zip(*edges, strict=True)]
        for edges in (
            [np.searchsorted(own.image, images, side) for side in ("left", "right")]
            for own in (objects, best)
        )
    )
    return [
        (
            GroundTruth(*(field[first] for field in objects)),
            Detections(*(field[second] for field in best)),
        )
        for first, second in zip(of_objects, of_best, strict=True)
    ]
