"""Mean average precision, by COCO's rules to the last digit, as an additive state.

Thresholds are hit exactly by boxes in whole pixels, so everything is computed in
float64, on the host. The state of disjoint sets of images adds up field by field: over
batches, hosts and devices.

Source: Lin et al., 2014, arXiv:1405.0312; the rules are those of the COCO API.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS = np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]])
"""All, small, medium and large objects, in square pixels."""
MOST = (1, 10, 100)
"""Detections of an image and a class that count."""


class CocoState(NamedTuple):
    """What is known of every image; zeros where an image has not been seen.

    Fields:
        score: of each detection, `[images, slots]`.
        label: its class, counted from 1; 0 for an empty slot.
        rank: its place among those of its image and class.
        matched: whether it has found a ground truth, `[images, slots, areas,
            thresholds]`.
        ignored: whether it counts neither way.
        truths: ground truths to be found, `[classes, areas]`.
    """

    score: np.ndarray
    label: np.ndarray
    rank: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    truths: np.ndarray


class GroundTruth(NamedTuple):
    """The objects of one image.

    Fields:
        xywh: left, top, width and height `[m, 4]`, as COCO states them.
        label: classes from 0 on `[m]`.
        area: in square pixels `[m]`: that of the object where it is known.
        crowd: whether it stands for many, which may all be found.
    """

    xywh: np.ndarray
    label: np.ndarray
    area: np.ndarray
    crowd: np.ndarray


class Detections(NamedTuple):
    """The detections of one image: `xywh` `[n, 4]`, `label` `[n]`, `score` `[n]`."""

    xywh: np.ndarray
    label: np.ndarray
    score: np.ndarray


def coco_state(*, images: int, classes: int, slots: int = 100) -> CocoState:
    """Returns the empty state.

    It holds detections `[images, slots]` and counts of truths `[classes, areas]`.

    Args:
        images: how many there are.
        classes: how many there are.
        slots: the most detections of an image that are kept, the best of all its
            classes; COCO itself keeps 100 of each class.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_state
    >>> coco_state(images=2, classes=3).truths.shape
    (3, 4)
    """
    shape = (images, slots)
    flags = (*shape, len(AREAS), len(THRESHOLDS))
    return CocoState(
        np.zeros(shape),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        np.zeros(flags, np.uint8),
        np.zeros(flags, np.uint8),
        np.zeros((classes, len(AREAS)), np.int64),
    )


def coco_add(one: CocoState, other: CocoState) -> CocoState:
    """Returns the state of two disjoint sets of images.

    Arrays are those of `coco_state`, `[images, slots]` and `[classes, areas]`.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_add, coco_state
    >>> one, other = (coco_state(images=2, classes=3) for _ in range(2))
    >>> coco_add(one, other).truths.shape
    (3, 4)
    """
    return CocoState(*(a + b for a, b in zip(one, other, strict=True)))


def coco_update(
    state: CocoState, image: int, truth: GroundTruth, found: Detections
) -> CocoState:
    """Matches the detections of one image and enters them; the state itself is changed.

    By descending score, a detection takes the free ground truth of its class that it
    overlaps most, at each threshold; ignored ones (crowds, sizes outside the range)
    only where no other is left.

    Boxes are `[m, 4]` and `[n, 4]`, as `GroundTruth` and `Detections` state them.

    Args:
        state: from `coco_state`.
        image: its place; equal scores are ordered by it.
        truth: the objects.
        found: the detections, of any number.

    Raises:
        InputError: a class or the image is outside the state, or a detection is not
            finite.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_state, coco_update, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes
    >>> state = coco_state(images=1, classes=1)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> int(coco_update(state, 0, truth, found).truths[0, 0])
    1
    """
    classes, slots = len(state.truths), state.score.shape[1]
    for name, labels in (("truth", truth.label), ("found", found.label)):
        outside = [int(c) for c in labels if not 0 <= c < classes]
        if outside:
            raise InputError(
                f"coco_update: the classes of {name} must be in 0 ... {classes - 1}, "
                f"got {outside[0]}."
            )
    if not 0 <= image < len(state.score):
        raise InputError(
            f"coco_update: image must be in 0 ... {len(state.score) - 1}, got {image}."
        )
    for name, values in (("box", found.xywh), ("score", found.score)):
        if not np.isfinite(values).all():
            raise InputError(f"coco_update: a {name} of image {image} is not finite.")
    if state.label[image].any():
        raise InputError(f"coco_update: image {image} was entered before.")
    best = np.sort(np.argsort(-found.score, kind="stable")[:slots])
    found = Detections(*(np.asarray(field)[best] for field in found))
    start = 0
    for label in np.union1d(truth.label, found.label).astype(int):
        own = GroundTruth(*(np.asarray(f)[truth.label == label] for f in truth))
        detected = Detections(*(f[found.label == label] for f in found))
        order = np.argsort(-detected.score, kind="stable")[: MOST[-1]]
        detected = Detections(*(f[order] for f in detected))
        ignore = _outside(own.area) | own.crowd.astype(bool)[None]
        state.truths[label] += (~ignore).sum(axis=1)
        stop = start + len(order)
        matched, ignored = _match(own, detected, ignore)
        state.score[image, start:stop] = detected.score
        state.label[image, start:stop] = label + 1
        state.rank[image, start:stop] = np.arange(len(order))
        state.matched[image, start:stop] = matched
        state.ignored[image, start:stop] = ignored
        start = stop
    return state


def _outside(area: np.ndarray) -> np.ndarray:
    """`[areas, m]`: whether a size is outside each range."""
    return (area[None] < AREAS[:, :1]) | (area[None] > AREAS[:, 1:])


def _match(
    truth: GroundTruth, found: Detections, ignore: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy matching, `[n, areas, thresholds]`, for all ranges and thresholds."""
    overlap = _overlap(found.xywh, truth.xywh, truth.crowd.astype(bool))
    flags = (len(found.score), len(AREAS), len(THRESHOLDS))
    matched, ignored = np.zeros(flags, bool), np.zeros(flags, bool)
    taken = np.zeros((*flags[1:], len(truth.label)), bool)
    crowd = truth.crowd.astype(bool)
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[None, :, None]
    for index in range(len(found.score) if len(truth.label) else 0):
        near = overlap[index][None, None]
        free = (~taken | crowd) & (near >= least)
        # Ground truths that count come before ignored ones; the last of equals wins.
        counted = free & ~ignore[:, None]
        choose = np.where(counted.any(axis=2, keepdims=True), counted, free)
        value = np.where(choose, near, -1.0)
        last = value.shape[2] - 1 - value[..., ::-1].argmax(axis=2)
        hit = choose.any(axis=2)
        matched[index] = hit
        ignored[index] = hit & np.take_along_axis(ignore, last, axis=1)
        rows, columns = np.nonzero(hit)
        taken[rows, columns, last[rows, columns]] = True
    size = found.xywh[:, 2] * found.xywh[:, 3]
    ignored |= ~matched & _outside(size).T[:, :, None]
    return matched, ignored


def _overlap(found: np.ndarray, truth: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """IoU `[n, m]`; against a crowd, the share of the detection inside it."""
    d, g = found.astype(float)[:, None], truth.astype(float)[None]
    low = np.maximum(d[..., :2], g[..., :2])
    high = np.minimum(d[..., :2] + d[..., 2:], g[..., :2] + g[..., 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    size_d, size_g = (x[..., 2] * x[..., 3] for x in (d, g))
    whole = np.where(crowd[None], size_d, size_d + size_g - shared)
    return shared / np.where(whole > 0, whole, 1.0)


def coco_summary(state: CocoState) -> dict[str, float]:
    """Returns the twelve numbers of COCO.

    Classes without ground truth are left out; a number without any class is -1.

    Returns:
        `AP` (mean over IoU .50 to .95), `AP50`, `AP75`, `APs`, `APm`, `APl`, and the
        recalls `AR1`, `AR10`, `AR100`, `ARs`, `ARm`, `ARl`.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_state, coco_summary, coco_update
    >>> from genjax.metrics import detections_of_boxes, ground_truth_of_boxes
    >>> state = coco_state(images=1, classes=1)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> round(coco_summary(coco_update(state, 0, truth, found))["AP"], 3)
    1.0
    """
    precision, recall = _tables(state)

    def mean(values: np.ndarray) -> float:
        known = values[values > -1]
        return float(known.mean()) if known.size else -1.0

    sizes = ("s", "m", "l")
    return {
        "AP": mean(precision[..., 0]),
        "AP50": mean(precision[0, ..., 0]),
        "AP75": mean(precision[5, ..., 0]),
        **{f"AP{s}": mean(precision[..., i + 1]) for i, s in enumerate(sizes)},
        **{f"AR{m}": mean(recall[:, :, 0, i]) for i, m in enumerate(MOST)},
        **{f"AR{s}": mean(recall[:, :, i + 1, 2]) for i, s in enumerate(sizes)},
    }


def coco_by_class(state: CocoState) -> dict[str, np.ndarray]:
    """Returns the average precision of each class, `[classes]`.

    A class without ground truth has none: NaN.

    Returns:
        `AP` (mean over IoU .50 to .95) and `AP50`.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_by_class, coco_state, coco_update
    >>> from genjax.metrics import detections_of_boxes, ground_truth_of_boxes
    >>> state = coco_state(images=1, classes=2)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> coco_by_class(coco_update(state, 0, truth, found))["AP50"].round(3).tolist()
    [1.0, nan]
    """
    precision = _tables(state)[0][..., 0]
    known = np.where(precision > -1, precision, np.nan)
    return {"AP": known.mean(axis=(0, 1)), "AP50": known[0].mean(axis=0)}


def _tables(state: CocoState) -> tuple[np.ndarray, np.ndarray]:
    """Precision `[thresholds, recalls, classes, areas]`, and the recall reached.

    They are -1 where there is no ground truth.
    """
    precision = np.full((len(THRESHOLDS), len(RECALLS), *state.truths.shape), -1.0)
    recall = np.full((len(THRESHOLDS), *state.truths.shape, len(MOST)), -1.0)
    for label in np.flatnonzero(state.truths.any(axis=1)):
        chosen = state.label == label + 1
        order = np.argsort(-state.score[chosen], kind="stable")
        rank = state.rank[chosen][order]
        matched, ignored = (
            x[chosen][order].astype(bool) for x in (state.matched, state.ignored)
        )
        for range_ in np.flatnonzero(state.truths[label]):
            count = state.truths[label, range_]
            hit, skip = matched[:, range_], ignored[:, range_]
            for place, most in enumerate(MOST):
                kept = rank < most
                curve, best = _curve(hit[kept], skip[kept], int(count))
                recall[:, label, range_, place] = best
                # The last, which is of all detections, stays.
                precision[:, :, label, range_] = curve
    return precision, recall


def _curve(
    hit: np.ndarray, skip: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolated precision `[thresholds, recalls]`, and the recall reached."""
    true = np.cumsum(hit & ~skip, axis=0, dtype=float)
    false = np.cumsum(~hit & ~skip, axis=0, dtype=float)
    curve = np.zeros((hit.shape[1], len(RECALLS)))
    if not len(hit):
        return curve, np.zeros(hit.shape[1])
    recall = true / count
    precision = true / (true + false + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    for t in range(hit.shape[1]):
        place = np.searchsorted(recall[:, t], RECALLS, side="left")
        inside = place < len(recall)
        curve[t, inside] = envelope[place[inside], t]
    return curve, recall[-1]


def ground_truth_of_boxes(
    xyxy: ArrayLike, label: ArrayLike, valid: ArrayLike, crowd: ArrayLike | None = None
) -> GroundTruth:
    """Returns the ground truth of one image from padded arrays; areas are the boxes'.

    `xyxy` is `[n, 4]`; `label`, `valid` and `crowd` are `[n]`.

    >>> from genjax.metrics import ground_truth_of_boxes
    >>> boxes, valid = [[1, 1, 3, 5], [0, 0, 0, 0]], [True, False]
    >>> truth = ground_truth_of_boxes(boxes, [2, 0], valid)
    >>> truth.xywh.tolist(), truth.area.tolist()
    ([[1.0, 1.0, 2.0, 4.0]], [8.0])
    """
    keep = np.asarray(valid, bool)
    xywh = _xywh(np.asarray(xyxy)[keep])
    many = np.zeros(len(xywh), bool) if crowd is None else np.asarray(crowd)[keep]
    return GroundTruth(xywh, np.asarray(label)[keep], xywh[:, 2] * xywh[:, 3], many)


def detections_of_boxes(
    xyxy: ArrayLike, label: ArrayLike, valid: ArrayLike, score: ArrayLike
) -> Detections:
    """Returns the detections of one image from padded arrays.

    `xyxy` is `[n, 4]`; `label`, `valid` and `score` are `[n]`.

    >>> from genjax.metrics import detections_of_boxes
    >>> detections_of_boxes([[1, 1, 3, 5]], [2], [True], [0.9]).xywh.tolist()
    [[1.0, 1.0, 2.0, 4.0]]
    """
    keep = np.asarray(valid, bool)
    scores = np.asarray(score, np.float64)[keep]
    return Detections(_xywh(np.asarray(xyxy)[keep]), np.asarray(label)[keep], scores)


def _xywh(xyxy: np.ndarray) -> np.ndarray:
    xyxy = xyxy.reshape(-1, 4).astype(np.float64)
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
