"""What evaluations of detectors share: objects, detections, and an additive state.

Thresholds are hit exactly by boxes in whole pixels, so everything is computed in
float64, on the host. The state of disjoint sets of images adds up field by field: over
batches, hosts and devices.
"""

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError

SIZES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"": (0.0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}
)


class EvaluationProtocol(NamedTuple):
    """The rules of an evaluation; as it stands, COCO's.

    Fields:
        thresholds: overlaps from which on an object is found.
        areas: the range of sizes in square pixels by name, all sizes first, under the
            empty name.
        max_detections: how many detections of an image and a class count, ascending:
            the last for the precision, each for its recall.
    """

    thresholds: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
    areas: Mapping[str, tuple[float, float]] = SIZES
    max_detections: tuple[int, ...] = (1, 10, 100)

    @property
    def ranges(self) -> np.ndarray:
        """The ranges of sizes, `[areas, 2]`."""
        return np.array(list(self.areas.values()), float)


COCO = EvaluationProtocol()
AI_TOD = EvaluationProtocol(
    areas=MappingProxyType(
        {
            "": (0, 1e10),
            "vt": (2**2, 8**2),
            "t": (8**2, 16**2),
            "s": (16**2, 32**2),
            "m": (32**2, 64**2),
        }
    ),
    max_detections=(1, 100, 1500),
)
"""Of tiny objects in aerial images: very tiny, tiny, small and medium ones (Wang, Yang,
Guo, Zhang and Xia, 2021, doi:10.1109/ICPR48806.2021.9413340)."""


def areas_between(sides: Sequence[float]) -> dict[str, tuple[float, float]]:
    """Ranges of sizes for `EvaluationProtocol`: precision and recall against the size.

    Args:
        sides: ascending roots of areas, in pixels, between which objects are told
            apart; the last may be infinite.

    Returns:
        Areas in square pixels, all first, then `_0_to_8` and so on.

    Raises:
        InputError: there are fewer than two sides, or they are not ascending from 0 on.

    >>> from genjax.metrics import areas_between
    >>> areas_between((0.0, 8.0, 16.0))
    {'': (0.0, 10000000000.0), '_0_to_8': (0.0, 64.0), '_8_to_16': (64.0, 256.0)}
    """
    pairs = list(itertools.pairwise(sides))
    if not pairs or sides[0] < 0 or not all(low < high for low, high in pairs):
        raise InputError(
            "areas_between: sides must be at least two, ascending from 0 on, got "
            f"{list(sides)}."
        )
    ranges = {f"_{low:g}_to_{high:g}": (low**2, high**2) for low, high in pairs}
    return {"": SIZES[""], **ranges}


class DetectionState(NamedTuple):
    """What is known of every image; zeros where an image has not been seen.

    Fields:
        score: of each detection, `[images, slots]`.
        label: its class, counted from 1; 0 for an empty slot.
        rank: its place among those of its image and class.
        matched: whether it has found an object, `[images, slots, areas, thresholds]`.
        ignored: whether it counts neither way.
        truths: objects to be found, `[classes, areas]`.
        seen: how often an image has been entered, `[images]`.
        protocol: the rules, which are those of all states that are added.
    """

    score: np.ndarray
    label: np.ndarray
    rank: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    truths: np.ndarray
    seen: np.ndarray
    protocol: EvaluationProtocol = COCO


class GroundTruth(NamedTuple):
    """The objects of any images, one after another.

    Fields:
        image: the place of each object's image `[m]`.
        xywh: left, top, width and height `[m, 4]`, as COCO states them.
        label: classes from 0 on `[m]`.
        area: in square pixels `[m]`: that of the object where it is known.
        crowd: whether it stands for many, which may all be found.
        ignore: whether it need not be found: difficult, and crowds anyway.
    """

    image: np.ndarray
    xywh: np.ndarray
    label: np.ndarray
    area: np.ndarray
    crowd: np.ndarray
    ignore: np.ndarray


class Detections(NamedTuple):
    """The detections of any images, one after another.

    Fields:
        image: the place of each detection's image `[n]`.
        xywh: left, top, width and height `[n, 4]`.
        label: classes from 0 on `[n]`.
        score: `[n]`.
    """

    image: np.ndarray
    xywh: np.ndarray
    label: np.ndarray
    score: np.ndarray


def detection_state(
    *, images: int, classes: int, slots: int = 100, protocol: EvaluationProtocol = COCO
) -> DetectionState:
    """Returns the empty state.

    It holds detections `[images, slots]` and counts of truths `[classes, areas]`.

    Args:
        images: how many there are.
        classes: how many there are.
        slots: room for the detections of an image, of all its classes; more are
            refused when they come.
        protocol: the rules.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import detection_state
    >>> detection_state(images=2, classes=3).truths.shape
    (3, 4)
    """
    shape = (images, slots)
    flags = (*shape, len(protocol.areas), len(protocol.thresholds))
    return DetectionState(
        np.zeros(shape),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        np.zeros(flags, np.uint8),
        np.zeros(flags, np.uint8),
        np.zeros((classes, len(protocol.areas)), np.int64),
        np.zeros(images, np.int32),
        protocol,
    )


def detection_add(one: DetectionState, other: DetectionState) -> DetectionState:
    """Returns the state of two disjoint sets of images.

    Arrays are those of `detection_state`, `[images, slots]` and `[classes, areas]`.

    Raises:
        InputError: they are of different protocols, or one image is in both.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.metrics import detection_add, detection_state
    >>> one, other = (detection_state(images=2, classes=3) for _ in range(2))
    >>> detection_add(one, other).truths.shape
    (3, 4)
    """
    if one.protocol != other.protocol:
        raise InputError(
            f"detection_add: the states are of the protocols {one.protocol} and "
            f"{other.protocol}."
        )
    names = [name for name in one._fields if name != "protocol"]
    sums = {name: getattr(one, name) + getattr(other, name) for name in names}
    found = one._replace(**sums)
    _refuse_again("detection_add", found.seen > 1)
    return found


def _refuse_again(user: str, again: np.ndarray) -> None:
    if again.any():
        raise InputError(
            f"{user}: image {int(np.flatnonzero(again)[0])} was entered before."
        )


def checked(
    user: str, state: DetectionState, truth: GroundTruth, found: Detections
) -> tuple[GroundTruth, Detections]:
    """Objects and detections as arrays; what does not fit the state is refused.

    Args:
        user: who asks, for the error's sentence.
        state: that they will be entered into.
        truth: the objects.
        found: the detections.

    Raises:
        InputError: a class or an image is outside the state, a detection is not finite,
            or an image was entered before.
    """
    truth = GroundTruth(*map(np.asarray, truth))
    found = Detections(*map(np.asarray, found))
    limits = {"class": len(state.truths), "image": len(state.score)}
    for name, own in (("truth", truth), ("found", found)):
        lengths = {field: len(values) for field, values in own._asdict().items()}
        if len(set(lengths.values())) > 1:
            raise InputError(
                f"{user}: the fields of {name} have the lengths {lengths}."
            )
        for what, values in (("class", own.label), ("image", own.image)):
            outside = values[(values < 0) | (values >= limits[what])]
            if len(outside):
                raise InputError(
                    f"{user}: every {what} of {name} must be in 0 ... "
                    f"{limits[what] - 1}, got {int(outside[0])}."
                )
    for what, own, values in (
        ("box", truth, truth.xywh),
        ("box", found, found.xywh),
        ("score", found, found.score),
    ):
        bad = ~np.isfinite(values.sum(axis=tuple(range(1, values.ndim))))
        if bad.any():
            raise InputError(
                f"{user}: a {what} of image {int(own.image[bad][0])} is not finite."
            )
    places = np.union1d(truth.image, found.image).astype(int)
    again = np.zeros(len(state.seen), bool)
    again[places] = state.seen[places] > 0
    _refuse_again(user, again)
    return (
        truth._replace(image=truth.image.astype(int), label=truth.label.astype(int)),
        found._replace(image=found.image.astype(int), label=found.label.astype(int)),
    )


def counted_within(groups: np.ndarray) -> np.ndarray:
    """The place of each element among those of its group, for sorted groups.

    >>> import numpy as np
    >>> from genjax.metrics._detection import counted_within
    >>> counted_within(np.array([3, 3, 5, 7, 7])).tolist()
    [0, 1, 0, 0, 1]
    """
    starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
    sizes = np.diff(starts, append=len(groups))
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def best_first(user: str, found: Detections, state: DetectionState) -> Detections:
    """The detections that count, by image, class and descending score.

    Args:
        user: who asks, for the error's sentence.
        found: detections in any order.
        state: that must have room for them.

    Raises:
        InputError: an image has more detections than slots.
    """
    # Of equal scores, the first that came in is the first.
    order = np.lexsort((-found.score, found.label, found.image))
    found = Detections(*(field[order] for field in found))
    ranks = counted_within(group_of(found, len(state.truths)))
    few = ranks < state.protocol.max_detections[-1]
    found = Detections(*(field[few] for field in found))
    slots, counts = state.score.shape[1], np.bincount(found.image)
    if counts.max(initial=0) > slots:
        raise InputError(
            f"{user}: image {int(counts.argmax())} has {counts.max()} detections that "
            f"count, and the state has room for {slots}: make it with "
            "detection_state(..., slots=...)."
        )
    return found


def group_of(own: GroundTruth | Detections, classes: int) -> np.ndarray:
    """One number for each image and class."""
    return own.image.astype(np.int64) * classes + own.label


def enter(
    state: DetectionState,
    truth: GroundTruth,
    found: Detections,
    matched: np.ndarray,
    ignored: np.ndarray,
    counts: np.ndarray,
) -> DetectionState:
    """Writes what `best_first` has ordered into the state, which is changed.

    Args:
        state: to write into.
        truth: the objects.
        found: the detections.
        matched: `[n, areas, thresholds]`.
        ignored: likewise.
        counts: whether each object counts, `[m, areas]`.
    """
    place = found.image, counted_within(found.image)
    state.score[place] = found.score
    state.label[place] = found.label + 1
    state.rank[place] = counted_within(group_of(found, len(state.truths)))
    state.matched[place] = matched
    state.ignored[place] = ignored
    np.add.at(state.truths, truth.label, counts.astype(np.int64))
    state.seen[np.union1d(truth.image, found.image)] += 1
    return state


class ClassResults(NamedTuple):
    """The detections of one class in all images, best first.

    Fields:
        rank: of each among those of its image.
        matched: `[n, areas, thresholds]`.
        ignored: likewise.
    """

    rank: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray


def by_class(state: DetectionState) -> dict[int, ClassResults]:
    """The detections of each class that has objects; equal scores by their images."""
    places = np.nonzero(state.label)
    labels = state.label[places] - 1
    order = np.lexsort((-state.score[places], labels))
    places, labels = (places[0][order], places[1][order]), labels[order]
    results = {}
    for label in np.flatnonzero(state.truths.any(axis=1)):
        own = slice(*np.searchsorted(labels, [label, label + 1]))
        at = places[0][own], places[1][own]
        flags = (state.matched[at].astype(bool), state.ignored[at].astype(bool))
        results[int(label)] = ClassResults(state.rank[at], *flags)
    return results


def ground_truth_of_boxes(
    xyxy: ArrayLike,
    label: ArrayLike,
    valid: ArrayLike,
    *,
    image: ArrayLike | int = 0,
    crowd: ArrayLike | None = None,
    ignore: ArrayLike | None = None,
    area: ArrayLike | None = None,
) -> GroundTruth:
    """Returns the objects of padded arrays, of one image or of a batch.

    Args:
        xyxy: `[*b, n, 4]`.
        label: `[*b, n]`.
        valid: `[*b, n]`.
        image: the places of the images `[*b]`.
        crowd: `[*b, n]`; no crowds without it.
        ignore: `[*b, n]`; nothing to ignore, but crowds, without it.
        area: `[*b, n]` in square pixels; those of the boxes without it.

    >>> from genjax.metrics import ground_truth_of_boxes
    >>> boxes, valid = [[1, 1, 3, 5], [0, 0, 0, 0]], [True, False]
    >>> truth = ground_truth_of_boxes(boxes, [2, 0], valid)
    >>> truth.xywh.tolist(), truth.area.tolist()
    ([[1.0, 1.0, 2.0, 4.0]], [8.0])
    """
    keep = np.asarray(valid, bool)
    xywh = _xywh(xyxy, keep)
    none = np.zeros(keep.shape, bool)
    many = (none if crowd is None else np.asarray(crowd, bool))[keep]
    spared = (none if ignore is None else np.asarray(ignore, bool))[keep]
    size = xywh[:, 2] * xywh[:, 3] if area is None else np.asarray(area, float)[keep]
    return GroundTruth(
        _images(image, keep),
        xywh,
        np.asarray(label)[keep].astype(int),
        size,
        many,
        spared | many,
    )


def detections_of_boxes(
    xyxy: ArrayLike,
    label: ArrayLike,
    valid: ArrayLike,
    score: ArrayLike,
    *,
    image: ArrayLike | int = 0,
) -> Detections:
    """Returns the detections of padded arrays, of one image or of a batch.

    Args:
        xyxy: `[*b, n, 4]`.
        label: `[*b, n]`.
        valid: `[*b, n]`.
        score: `[*b, n]`.
        image: the places of the images `[*b]`.

    >>> from genjax.metrics import detections_of_boxes
    >>> boxes = [[[1, 1, 3, 5]]], [[2]], [[True]], [[0.9]]
    >>> found = detections_of_boxes(*boxes, image=[7])
    >>> found.image.tolist(), found.xywh.tolist()
    ([7], [[1.0, 1.0, 2.0, 4.0]])
    """
    keep = np.asarray(valid, bool)
    scores = np.asarray(score, np.float64)[keep]
    return Detections(
        _images(image, keep),
        _xywh(xyxy, keep),
        np.asarray(label)[keep].astype(int),
        scores,
    )


def _images(image: ArrayLike | int, keep: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(image, int)[..., None], keep.shape)[keep]


def _xywh(xyxy: ArrayLike, keep: np.ndarray) -> np.ndarray:
    boxes = np.asarray(xyxy, np.float64).reshape(*keep.shape, 4)[keep]
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def overlaps(found: np.ndarray, truth: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """IoU of boxes `xywh`; against a crowd, the share of the detection inside it.

    Args:
        found: `[*b, n, 4]`.
        truth: `[*b, m, 4]`.
        crowd: `[*b, m]`.
    """
    d, g = found[..., :, None, :], truth[..., None, :, :]
    low = np.maximum(d[..., :2], g[..., :2])
    high = np.minimum(d[..., :2] + d[..., 2:], g[..., :2] + g[..., 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    size_d, size_g = (x[..., 2] * x[..., 3] for x in (d, g))
    whole = np.where(crowd[..., None, :], size_d, size_d + size_g - shared)
    return shared / np.where(whole > 0, whole, 1.0)
