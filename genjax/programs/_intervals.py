"""What each position of an array sees of the input, as intervals along its axes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NOTHING = (np.inf, -np.inf)


class Span(NamedTuple):
    """What an array sees along one axis of the input.

    It depends on one axis of the array alone, as it does in convolutional networks.

    Fields:
        axis: that axis, or None where every position sees the same.
        low: the first input position that is seen, `[size of the axis]` or `[1]`;
            infinite where nothing is seen.
        high: the last one; below `low` where nothing is seen.
    """

    axis: int | None
    low: np.ndarray
    high: np.ndarray


Sight = tuple[Span, ...]
"""One span for each axis of the input."""


def constant(axes: int) -> Sight:
    """The sight of what does not depend on the input.

    >>> from genjax.programs._intervals import constant
    >>> constant(1)[0].axis is None
    True
    """
    low, high = (np.array([edge]) for edge in NOTHING)
    return (Span(None, low, high),) * axes


def whole_input(shape: Sequence[int]) -> Sight:
    """The sight of the input itself: each position sees itself.

    >>> from genjax.programs._intervals import whole_input
    >>> whole_input((3,))[0].high.tolist()
    [0.0, 1.0, 2.0]
    """
    places = [np.arange(size, dtype=float) for size in shape]
    return tuple(Span(axis, own, own) for axis, own in enumerate(places))


def collapse(span: Span) -> Span:
    """What all positions together see.

    >>> from genjax.programs._intervals import collapse, whole_input
    >>> collapse(whole_input((3,))[0]).high.tolist()
    [2.0]
    """
    return Span(None, span.low.min(keepdims=True), span.high.max(keepdims=True))


def union(sights: Sequence[Sight]) -> Sight:
    """What any of several arrays of one shape sees, position by position.

    Where they depend on different axes, all positions are taken together: an interval
    too large, never too small.
    """
    return tuple(_union_of_spans(spans) for spans in zip(*sights, strict=True))


def _union_of_spans(spans: Sequence[Span]) -> Span:
    axes = {span.axis for span in spans if span.axis is not None}
    if len(axes) > 1:
        spans = [collapse(span) for span in spans]
        axes = set()
    low, high = spans[0].low, spans[0].high
    for span in spans[1:]:
        low, high = np.minimum(low, span.low), np.maximum(high, span.high)
    return Span(axes.pop() if axes else None, low, high)


def gathered(span: Span, windows: Sequence[np.ndarray]) -> Span:
    """The sight of an axis each of whose positions sees several of another's.

    Args:
        span: along an axis of the operand.
        windows: for each new position, the old ones it is made of.
    """
    low, high = np.full(len(windows), np.inf), np.full(len(windows), -np.inf)
    for place, window in enumerate(windows):
        if len(window):
            low[place], high[place] = span.low[window].min(), span.high[window].max()
    return Span(span.axis, low, high)
