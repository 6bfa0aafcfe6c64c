"""Size, stride and padding of what the units of an output see."""

import math
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class Fit(NamedTuple):
    """What free units see: up to `size` pixels from `floor(unit stride - padding)` on.

    Fields:
        size: from the first to the last pixel, of the unit that sees most.
        stride: pixels between neighbouring units.
        padding: pixels by which unit 0 reaches beyond the input.
        centre: the middle of what unit 0 sees, in the mean over free units.
        is_regular: whether all free units begin where stride and padding say.
    """

    size: int
    stride: Fraction
    padding: Fraction
    centre: Fraction
    is_regular: bool


def fitted(seen: np.ndarray) -> Fit | None:
    """Fits size, stride and padding to the units that no edge cuts off.

    Args:
        seen: `[units, size + 1]`.

    Returns:
        The fit; None where fewer than two units are free.

    >>> import numpy as np
    >>> from genjax.programs import fitted
    >>> two = np.eye(8, 9, dtype=bool) | np.eye(8, 9, 1, dtype=bool)
    >>> fit = fitted(two[:6])
    >>> fit.size, int(fit.stride), int(fit.padding)
    (2, 1, 0)
    """
    low, high = edges(seen)
    free = (low > 0) & (high >= low) & (high < seen.shape[1] - 2) & ~seen[:, -1]
    units = np.flatnonzero(free)
    if len(units) < 2:
        return None
    low, high = low[units], high[units]
    sizes, sums = high - low + 1, low + high  # twice the centres
    stride = _slope(units, sums)
    reach = [int(u) * stride - int(edge) for u, edge in zip(units, low, strict=True)]
    (usual, _), *_ = Counter(map(math.floor, reach)).most_common()
    near = [r for r in reach if abs(r - usual) < 1]
    # Whole periods, so that steps of a centre cancel.
    count = len(units) - len(units) % stride.denominator or len(units)
    centre = Fraction(int(sums[:count].sum()), 2 * count) - stride * Fraction(
        int(units[:count].sum()), count
    )
    is_regular = max(reach) - min(reach) < 1
    return Fit(int(sizes.max()), stride, min(near), centre, is_regular)


def edges(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last pixel of each unit; 0 and -1 where none is seen.

    Args:
        seen: `[units, size + 1]`.

    >>> import numpy as np
    >>> from genjax.programs import edges
    >>> [side.tolist() for side in edges(np.eye(2, 4, 1, dtype=bool))]
    [[1, 2], [1, 2]]
    """
    pixels = seen[:, :-1]
    some = pixels.any(axis=1)
    low = np.where(some, pixels.argmax(axis=1), 0)
    high = pixels.shape[1] - 1 - pixels[:, ::-1].argmax(axis=1)
    return low, np.where(some, high, -1)


def _slope(units: np.ndarray, sums: np.ndarray) -> Fraction:
    """The pixels between neighbouring units, from centres that may move in steps."""
    steps = np.diff(sums)
    for period in range(1, min(len(steps) // 2, 64) + 1):
        if (steps[period:] == steps[:-period]).all():
            whole = Fraction(int(sums[period] - sums[0]), 2)
            return whole / int(units[period] - units[0])
    values, counts = np.unique(steps, return_counts=True)
    return Fraction(int(values[counts.argmax()]), 2)
