"""Objects and detections of one image and class, many such groups at once."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from genjax.metrics._detection import Detections, GroundTruth, group_of

CHUNK = 2_000_000
"""Overlaps that are held at once."""


class Groups(NamedTuple):
    """Images and classes with objects and detections both, most detections first.

    Fields:
        found: the places of their detections `[k, d]`, best first; -1 is padding.
        truth: the places of their objects `[k, g]`; -1 is padding.
    """

    found: np.ndarray
    truth: np.ndarray


def groups_of(truth: GroundTruth, found: Detections, classes: int) -> Iterator[Groups]:
    """All groups, in parts of bounded size.

    Args:
        truth: the objects.
        found: the detections, as `best_first` orders them.
        classes: how many there are.
    """
    of_found, of_truth = group_of(found, classes), group_of(truth, classes)
    order = np.argsort(of_truth, kind="stable")
    keys = np.intersect1d(of_found, of_truth)
    starts = [
        np.searchsorted(values, keys, side=side)
        for values in (of_found, of_truth[order])
        for side in ("left", "right")
    ]
    first_d, first_g = starts[0], starts[2]
    count_d, count_g = starts[1] - starts[0], starts[3] - starts[2]
    # Groups of like size share a part, so that little of it is padding.
    by_size = np.lexsort((-count_d, -count_g))
    start = 0
    while start < len(keys):
        most_g = count_g[by_size[start]]
        widest = np.maximum.accumulate(count_d[by_size[start:]])
        cost = np.arange(1, len(widest) + 1) * widest * most_g
        stop = start + max(1, int(np.searchsorted(cost, CHUNK, side="right")))
        part = by_size[start:stop]
        part = part[np.argsort(-count_d[part], kind="stable")]
        yield Groups(
            _padded(first_d[part], count_d[part]),
            _padded(first_g[part], count_g[part], order),
        )
        start = stop


def _padded(
    first: np.ndarray, count: np.ndarray, order: np.ndarray | None = None
) -> np.ndarray:
    steps = np.arange(count.max())[None]
    places = np.where(steps < count[:, None], first[:, None] + steps, -1)
    return places if order is None else np.where(places < 0, -1, order[places])
