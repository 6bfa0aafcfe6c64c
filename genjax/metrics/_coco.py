"""Mean average precision, by COCO's rules to the last digit.

Source: Lin et al., 2014, arXiv:1405.0312; the rules are those of the COCO API.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

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
from genjax.metrics._groups import Groups, groups_of

RECALLS = np.linspace(0.0, 1.0, 101)


def coco_update(
    state: DetectionState, truth: GroundTruth, found: Detections
) -> DetectionState:
    """Matches the detections of any images and enters them; the state is changed.

    By descending score, a detection takes the free object of its class that it overlaps
    most, at each threshold; ignored ones (crowds, difficult ones, sizes outside the
    range) only where no other is left.

    Boxes are `[m, 4]` and `[n, 4]`, as `GroundTruth` and `Detections` state them.

    Args:
        state: from `detection_state`.
        truth: all objects of these images.
        found: all their detections.

    Raises:
        InputError: a class or an image is outside the state, a box or a score is not
            finite, an image was entered before, or has more detections than slots.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_update, detection_state, detections_of_boxes
    >>> from genjax.metrics import ground_truth_of_boxes
    >>> state = detection_state(images=1, classes=1)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> int(coco_update(state, truth, found).truths[0, 0])
    1
    """
    truth, found = checked("coco_update", state, truth, found)
    found, protocol = best_first("coco_update", found, state), state.protocol
    spared = _outside(truth.area, protocol) | truth.ignore.astype(bool)[:, None]
    flags = (len(found.score), len(protocol.areas), len(protocol.thresholds))
    matched, ignored = np.zeros(flags, bool), np.zeros(flags, bool)
    for groups in groups_of(truth, found, len(state.truths)):
        _match(groups, truth, found, spared, protocol, matched, ignored)
    size = found.xywh[:, 2] * found.xywh[:, 3]
    ignored |= ~matched & _outside(size, protocol)[:, :, None]
    return enter(state, truth, found, matched, ignored, ~spared)


def _outside(area: np.ndarray, protocol: EvaluationProtocol) -> np.ndarray:
    """`[m, areas]`: whether a size is outside each range."""
    low, high = protocol.ranges.T
    return (area[:, None] < low) | (area[:, None] > high)


def _match(
    groups: Groups,
    truth: GroundTruth,
    found: Detections,
    spared: np.ndarray,
    protocol: EvaluationProtocol,
    matched: np.ndarray,
    ignored: np.ndarray,
) -> None:
    """Greedy matching of many groups at once, written to `matched` and `ignored`."""
    is_truth = groups.truth >= 0
    crowd = truth.crowd.astype(bool)[groups.truth]
    near_all = overlaps(found.xywh[groups.found], truth.xywh[groups.truth], crowd)
    near_all = np.where(is_truth[:, None], near_all, -1.0)
    spare = spared[groups.truth].swapaxes(1, 2)[:, :, None]
    least = np.minimum(protocol.thresholds, 1 - 1e-10)[None, None, :, None]
    flags = (len(crowd), len(protocol.areas), len(protocol.thresholds))
    taken = np.zeros((*flags, crowd.shape[1]), bool)
    many = crowd[:, None, None]
    for rank in range(groups.found.shape[1]):
        live = int(np.sum(groups.found[:, rank] >= 0))
        near = near_all[:live, rank, None, None]
        free = (~taken[:live] | many[:live]) & (near >= least)
        # Objects that count come before ignored ones; the last of equals wins.
        counted = free & ~spare[:live]
        choose = np.where(counted.any(axis=3, keepdims=True), counted, free)
        value = np.where(choose, near, -1.0)
        last = value.shape[3] - 1 - value[..., ::-1].argmax(axis=3)
        hit = choose.any(axis=3)
        of_spare = np.broadcast_to(spare[:live], free.shape)
        own = np.take_along_axis(of_spare, last[..., None], axis=3)[..., 0]
        places = groups.found[:live, rank]
        matched[places], ignored[places] = hit, hit & own
        at = np.nonzero(hit)
        taken[(*at, last[at])] = True


def coco_summary(
    state: DetectionState,
) -> dict[str, float]:
    """Returns the numbers of COCO, twelve by its own protocol.

    Classes without objects are left out; a number without any class is -1.

    Args:
        state: after `coco_update`, with detections `[images, slots]`.

    Returns:
        `AP` (mean over the thresholds), `AP50` and `AP75` where they are among these,
        `APs`, `APm`, `APl` by the names of the areas, and the recalls `AR1`, `AR10`,
        `AR100` by the numbers of detections, `ARs`, `ARm`, `ARl`.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_summary, coco_update, detection_state
    >>> from genjax.metrics import detections_of_boxes, ground_truth_of_boxes
    >>> state = detection_state(images=1, classes=1)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> round(coco_summary(coco_update(state, truth, found))["AP"], 3)
    1.0
    """
    tables, protocol = _tables(state), state.protocol
    precision, recall = tables.precision, tables.recall

    def mean(values: np.ndarray) -> float:
        known = values[values > -1]
        return float(known.mean()) if known.size else -1.0

    single = {
        f"AP{round(100 * threshold)}": mean(precision[place, ..., 0])
        for place, threshold in enumerate(protocol.thresholds)
        if round(100 * threshold) in (50, 75)
    }
    limits = list(enumerate(protocol.max_detections))
    sizes = [(i, name) for i, name in enumerate(protocol.areas) if name]
    return {
        "AP": mean(precision[..., 0]),
        **single,
        **{f"AP{name}": mean(precision[..., i]) for i, name in sizes},
        **{f"AR{m}": mean(recall[..., 0, i]) for i, m in limits},
        **{f"AR{name}": mean(recall[..., i, -1]) for i, name in sizes},
    }


def coco_by_class(
    state: DetectionState,
) -> dict[str, np.ndarray]:
    """Returns the average precision of each class, `[classes]`.

    A class without objects has none: NaN.

    Args:
        state: after `coco_update`, with detections `[images, slots]`.

    Returns:
        `AP` (mean over the thresholds), and that of the first threshold, by COCO's
        protocol `AP50`.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_by_class, coco_update, detection_state
    >>> from genjax.metrics import detections_of_boxes, ground_truth_of_boxes
    >>> state = detection_state(images=1, classes=2)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> coco_by_class(coco_update(state, truth, found))["AP50"].round(3).tolist()
    [1.0, nan]
    """
    precision = _tables(state).precision[..., 0]
    known = np.where(precision > -1, precision, np.nan)
    first = f"AP{round(100 * state.protocol.thresholds[0])}"
    return {"AP": known.mean(axis=(0, 1)), first: known[0].mean(axis=0)}


def recall_precision(
    state: DetectionState,
    *,
    threshold: int = 0,
    area: int = 0,
) -> np.ndarray:
    """Returns the interpolated precision at 101 recalls from 0 to 1, `[101, classes]`.

    A class without objects has none: NaN.

    Args:
        state: after `coco_update`, with detections `[images, slots]`.
        threshold: the place of the overlap among the protocol's.
        area: the place of the range of sizes.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import coco_update, detection_state, recall_precision
    >>> from genjax.metrics import detections_of_boxes, ground_truth_of_boxes
    >>> state = detection_state(images=1, classes=1)
    >>> boxes = [[1, 1, 3, 5]], [0], [True]
    >>> truth, found = ground_truth_of_boxes(*boxes), detections_of_boxes(*boxes, [0.9])
    >>> recall_precision(coco_update(state, truth, found)).shape
    (101, 1)
    """
    precision = _tables(state).precision[threshold, ..., area]
    return np.where(precision > -1, precision, np.nan)


def coco_results(
    found: Detections, *, image_ids: Sequence[int], category_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Returns detections as COCO's servers and tools take them, one dict each.

    Args:
        found: with boxes `[n, 4]`, as `detections_of_boxes` makes them.
        image_ids: of the images, by their places.
        category_ids: of the classes, by their labels.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> import json
    >>> from genjax.metrics import coco_results, detections_of_boxes
    >>> found = detections_of_boxes([[1, 1, 3, 5]], [0], [True], [0.5])
    >>> json.dumps(coco_results(found, image_ids=[42], category_ids=[18]))[:33]
    '[{"image_id": 42, "category_id": '
    """
    rows = zip(found.image, found.label, found.xywh, found.score, strict=True)
    return [
        {
            "image_id": int(image_ids[int(image)]),
            "category_id": int(category_ids[int(label)]),
            "bbox": [round(float(edge), 3) for edge in box],
            "score": round(float(score), 5),
        }
        for image, label, box, score in rows
    ]


class Tables(NamedTuple):
    """Precisions and recalls, -1 where there is no object.

    Fields:
        precision: `[thresholds, recalls, classes, areas]`.
        recall: that was reached, `[thresholds, classes, areas, most]`.
    """

    precision: np.ndarray
    recall: np.ndarray


def _tables(state: DetectionState) -> Tables:
    protocol = state.protocol
    levels, most = len(protocol.thresholds), np.array(protocol.max_detections)
    precision = np.full((levels, len(RECALLS), *state.truths.shape), -1.0)
    recall = np.full((levels, *state.truths.shape, len(most)), -1.0)
    for label, own in by_class(state).items():
        within = own.rank[:, None] < most[None]
        for area in np.flatnonzero(state.truths[label]):
            count = int(state.truths[label, area])
            hit, skip = own.matched[:, area], own.ignored[:, area]
            true = (hit & ~skip).astype(float)
            recall[:, label, area] = true.T @ within / count
            precision[:, :, label, area] = _curve(hit, skip, count)
    return Tables(precision, recall)


def _curve(hit: np.ndarray, skip: np.ndarray, count: int) -> np.ndarray:
    """Interpolated precision `[thresholds, recalls]`."""
    true = np.cumsum(hit & ~skip, axis=0, dtype=float)
    false = np.cumsum(~hit & ~skip, axis=0, dtype=float)
    recall = true / count
    precision = true / (true + false + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    curve = np.zeros((hit.shape[1], len(RECALLS)))
    for t in range(hit.shape[1]):
        place = np.searchsorted(recall[:, t], RECALLS, side="left")
        inside = place < len(recall)
        curve[t, inside] = envelope[place[inside], t]
    return curve
