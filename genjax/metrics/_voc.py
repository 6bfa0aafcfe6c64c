"""Average precision by the rules of the Pascal VOC challenges.

Source: Everingham et al., 2010; the rules are those of the development kit.
"""

from collections.abc import Callable

import numpy as np

from genjax.errors import InputError
from genjax.metrics._detection import (
    Detections,
    DetectionState,
    EvaluationProtocol,
    GroundTruth,
    best_first,
    by_class,
    checked,
    enter,
    overlaps,
)
from genjax.metrics._groups import groups_of

VOC = EvaluationProtocol(
    thresholds=(0.5,), areas={"": (0, np.inf)}, max_detections=(2**31,)
)
"""One overlap, all sizes, and all detections."""


def voc_update(
    state: DetectionState,
    truth: GroundTruth,
    found: Detections,
    *,
    one_more_pixel: bool = False,
) -> DetectionState:
    """Matches the detections of any images and enters them; the state is changed.

    A detection belongs to the object of its class that it overlaps most. Where this is
    at least the threshold, the best detection of an object has found it, and all others
    are false; those of an object to ignore (a difficult one) count neither way.

    Boxes are `[m, 4]` and `[n, 4]`, as `GroundTruth` and `Detections` state them.

    Args:
        state: `detection_state(..., protocol=VOC)`, with slots for all detections.
        truth: all objects of these images.
        found: all their detections.
        one_more_pixel: whether right and lower edges are the last pixels of a box, as
            in the challenges' own files, and its sides one pixel longer.

    Raises:
        InputError: a class or an image is outside the state, a box or a score is not
            finite, an image was entered before, or has more detections than slots, or
            the state is of several ranges of sizes.

    Source: Everingham et al., 2010, the Pascal Visual Object Classes challenge.

    >>> from genjax.metrics import VOC, detection_state, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes, voc_update
    >>> state = detection_state(images=1, classes=1, protocol=VOC)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> int(voc_update(state, truth, found).matched.sum())
    1
    """
    truth, found = checked("voc_update", state, truth, found)
    protocol = state.protocol
    if len(protocol.areas) > 1:
        raise InputError(
            "voc_update: the state must be of one range of sizes, as of the protocol "
            f"VOC, got {protocol}."
        )
    found = best_first("voc_update", found, state)
    more = np.array([0.0, 0.0, 1.0, 1.0]) * one_more_pixel
    shape = (len(found.score), 1, len(protocol.thresholds))
    matched, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    spared, none = truth.ignore.astype(bool), np.zeros(len(truth.label), bool)
    for groups in groups_of(truth, found, len(state.truths)):
        boxes = found.xywh[groups.found] + more, truth.xywh[groups.truth] + more
        near = overlaps(*boxes, none[groups.truth])
        near = np.where(groups.truth[:, None] >= 0, near, -1.0)
        best = np.take_along_axis(groups.truth, near.argmax(axis=2), axis=1)
        for place, threshold in enumerate(protocol.thresholds):
            enough = (near.max(axis=2) >= threshold) & (groups.found >= 0)
            ignored[groups.found[enough & spared[best]], 0, place] = True
            real = enough & ~spared[best]
            # Row by row, so that the first is the best of its group.
            _, first = np.unique(best[real], return_index=True)
            matched[groups.found[real][first], 0, place] = True
    return enter(state, truth, found, matched, ignored, ~spared[:, None])


def voc_average_precision(state: DetectionState) -> np.ndarray:
    """The area under the precision's envelope, `[thresholds, classes]`, as since 2010.

        AP = sum_i (r_i - r_(i-1)) max over r >= r_i of p(r)

    NaN for a class without objects.

    Args:
        state: after `voc_update`, with detections `[images, slots]`.

    Source: Everingham et al., 2010, the Pascal Visual Object Classes challenge.

    >>> from genjax.metrics import VOC, detection_state, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes, voc_average_precision
    >>> from genjax.metrics import voc_update
    >>> state = detection_state(images=1, classes=1, protocol=VOC)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> voc_average_precision(voc_update(state, truth, found)).tolist()
    [[1.0]]
    """

    def area(recall: np.ndarray, envelope: np.ndarray) -> float:
        return float(np.sum(np.diff(recall, prepend=0.0) * envelope))

    return _by_class(state, area)


def voc_2007_average_precision(state: DetectionState) -> np.ndarray:
    """The mean precision at recalls 0, .1, ... 1, `[thresholds, classes]`, as of 2007.

        AP = 1/11 sum over t of max over r >= t of p(r)

    NaN for a class without objects.

    Args:
        state: after `voc_update`, with detections `[images, slots]`.

    Source: Everingham et al., 2010, the Pascal Visual Object Classes challenge.

    >>> from genjax.metrics import VOC, detection_state, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes, voc_2007_average_precision
    >>> from genjax.metrics import voc_update
    >>> state = detection_state(images=1, classes=1, protocol=VOC)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> voc_2007_average_precision(voc_update(state, truth, found)).tolist()
    [[1.0]]
    """

    def mean(recall: np.ndarray, envelope: np.ndarray) -> float:
        places = np.searchsorted(recall, np.arange(11) / 10, side="left")
        return float(np.append(envelope, 0.0)[places].mean())

    return _by_class(state, mean)


def _by_class(
    state: DetectionState, summary: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    levels = state.matched.shape[-1]
    found = np.full((levels, len(state.truths)), np.nan)
    for label, own in by_class(state).items():
        for level in range(levels):
            hit, skip = own.matched[:, 0, level], own.ignored[:, 0, level]
            counted = hit[~skip]
            true = np.cumsum(counted, dtype=float)
            precision = true / np.arange(1, len(true) + 1)
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            recall = true / state.truths[label, 0]
            found[level, label] = summary(recall, envelope)
    return found
