import numpy as np
import pytest

from genjax.data import ArraySource, split
from genjax.errors import InputError


def test_splits_are_disjoint_and_whole():
    source = ArraySource({"x": np.arange(50), "y": np.arange(50) * 2})
    parts = split(source, validation=7, test=9)
    xs = np.concatenate([part.arrays["x"] for part in parts])
    assert sorted(xs.tolist()) == list(range(50))
    for part in parts:
        np.testing.assert_array_equal(part.arrays["y"], 2 * part.arrays["x"])
    again = split(source, validation=7, test=9)
    np.testing.assert_array_equal(again.test.arrays["x"], parts.test.arrays["x"])


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="'train' empty"):
        split(ArraySource({"x": np.arange(5)}), validation=2, test=3)
    with pytest.raises(InputError, match="no example"):
        ArraySource({"x": np.zeros((0, 2))})
    with pytest.raises(InputError, match=r"'x': 2, 'y': 3"):
        ArraySource({"x": np.zeros(2), "y": np.zeros(3)})
