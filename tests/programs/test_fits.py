import math
from fractions import Fraction

import numpy as np
import pytest

from genjax.programs import edges, fitted

HALF = Fraction(1, 2)


def rows(pixels, intervals, clipped=()):
    """Units that see intervals, some of which see a padding as well."""
    seen = np.zeros((len(intervals), pixels + 1), bool)
    for unit, (low, high) in enumerate(intervals):
        seen[unit, low : high + 1] = True
    seen[list(clipped), -1] = True
    return seen


@pytest.mark.parametrize(
    ("intervals", "size", "stride", "padding"),
    [
        ([(2 * u, 2 * u + 2) for u in range(8)], 3, 2, 0),
        ([(u // 2 + 1, u // 2 + 1) for u in range(16)], 1, HALF, -1),
        (
            [((u + 1) // 2, (u + 1) // 2 + 1) for u in range(16)],
            2,
            Fraction(1, 2),
            Fraction(-1, 2),
        ),
    ],
)
def test_a_regular_output_has_its_size_stride_and_padding(
    intervals, size, stride, padding
):
    fit = fitted(rows(20, intervals))
    assert (fit.size, fit.stride, fit.is_regular) == (size, stride, True)
    assert fit.padding == padding
    for unit, (low, _) in enumerate(intervals):
        assert math.floor(unit * stride - padding) == low


def test_units_at_edges_and_at_paddings_are_left_out():
    intervals = [(0, 1), (1, 2), (2, 4), (3, 5), (4, 6), (8, 9)]
    fit = fitted(rows(10, intervals, clipped=(1,)))
    assert (fit.size, fit.stride, fit.padding) == (3, 1, 0)
    assert fitted(rows(10, [(0, 9)] * 5)) is None


def test_a_jump_is_irregular():
    fit = fitted(rows(20, [(1, 1), (2, 2), (3, 3), (10, 10), (11, 11)]))
    assert (fit.stride, fit.padding, fit.is_regular) == (1, -1, False)


def test_what_sees_nothing_has_no_edges():
    assert [side.tolist() for side in edges(np.zeros((1, 4), bool))] == [[0], [-1]]
