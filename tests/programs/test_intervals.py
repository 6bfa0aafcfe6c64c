import numpy as np

from genjax.programs._intervals import (
    collapse,
    constant,
    gathered,
    union,
    whole_input,
)


def test_unions_are_position_by_position_and_conservative_across_axes():
    rows, columns = whole_input((3, 4))
    turned = (rows._replace(axis=1), columns._replace(axis=0))
    same = union([(rows, columns), (rows, columns)])
    assert same[0].low.tolist() == [0, 1, 2]
    mixed = union([(rows, columns), turned])
    assert mixed[0].axis is None
    assert (mixed[0].low[0], mixed[0].high[0]) == (0, 2)
    alone = union([(rows, columns), constant(2)])
    assert alone[1].high.tolist() == [0, 1, 2, 3]


def test_windows_gather_and_may_be_empty():
    span = whole_input((4,))[0]
    found = gathered(span, [np.array([0, 2]), np.array([], int)])
    assert (found.low[0], found.high[0]) == (0, 2)
    assert found.low[1] > found.high[1]
    assert collapse(span).low.tolist() == [0]
