import numpy as np
import pytest

from genjax.programs._constants import Constant
from genjax.programs._sights import (
    blank,
    compressed,
    groups,
    of_constant,
    reshaped,
    reshaped_size,
    settled,
    united,
    windowed,
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((2, 3, 4), (6, 2, 2), [([0, 1], [0]), ([2], [1, 2])]),
        ((1, 4), (4,), [([0], []), ([1], [0])]),
        ((4,), (4, 1), [([0], [0]), ([], [1])]),
        ((6, 4), (4, 6), [([0, 1], [0, 1])]),
    ],
)
def test_axes_become_one_another_by_the_fewest_at_a_time(old, new, expected):
    assert groups(old, new) == expected


def test_only_axes_that_make_a_difference_are_written_out():
    part = np.eye(4, 5, dtype=bool).reshape(1, 4, 1, 5)
    found = reshaped(part, (2, 4, 3), (2, 2, 2, 3))
    assert found.shape == (1, 2, 2, 1, 5)
    assert reshaped_size(part, (2, 4, 3), (2, 2, 2, 3)) == found.size
    np.testing.assert_array_equal(found.reshape(4, 5), np.eye(4, 5, dtype=bool))
    assert reshaped(part, (2, 4, 3), (24,)).shape == (24, 5)


def test_windows_see_positions_paddings_and_holes():
    part, padding = np.eye(3, 4, dtype=bool), np.array([False, False, False, True])
    found = windowed(part, 0, 3, np.array([[-1, 0], [0, 2], [-2, 1]]), padding)
    expected = [[1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0]]
    np.testing.assert_array_equal(found, np.array(expected, bool))


def test_constants_are_known_to_be_zero_or_minus_infinity():
    values = np.array([0.0, 1.0, -np.inf, np.nan, -3e38])
    sight = of_constant(Constant((5,), lambda: values), (4,))
    assert sight.nonzero[:, 0].tolist() == [False, True, True, True, True]
    assert sight.alive[:, 0].tolist() == [True, True, False, True, False]
    assert not sight.seen[0].any()


def test_what_is_known_to_be_zero_sees_nothing_but_its_padding():
    one = blank((3,), 1)
    seen = np.array([[True, False, True], [False, True, False]])
    zero = np.array([[False], [True]])
    sight = settled(type(one)((seen,), zero, np.ones((1, 1), bool), one.context))
    assert sight.seen[0].tolist() == [[False, False, True], [False, True, False]]


def test_unions_are_position_by_position_and_join_what_is_named():
    first = blank((3,), 1)
    seen = np.array([[True, False, False], [False, True, False]])
    one = type(first)((seen,), first.nonzero, first.alive, (frozenset({"a"}),))
    other = type(first)((seen[::-1],), first.nonzero, first.alive, (frozenset({"b"}),))
    both = united([one, other])
    assert both.seen[0][:, :2].all()
    assert both.context == (frozenset({"a", "b"}),)
    assert compressed(both.seen[0]).shape == (1, 3)
