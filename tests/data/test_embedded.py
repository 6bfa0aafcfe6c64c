import numpy as np

from genjax.data import digits, faces


def test_digits_are_those_of_scikit_learn():
    arrays = digits().arrays
    assert arrays["image"].dtype == np.uint8
    assert arrays["image"].max() == 16
    np.testing.assert_array_equal(np.unique(arrays["label"]), np.arange(10))


def test_faces_come_first():
    arrays = faces().arrays
    assert arrays["image"].min() >= 0
    assert arrays["image"].max() <= 1
    flat = arrays["image"].reshape(200, -1)
    face = flat[:50].mean(axis=0)
    alike = np.array([np.corrcoef(face, x + 1e-3 * x[::-1])[0, 1] for x in flat[50:]])
    assert arrays["label"].sum() == 100
    assert alike[:50].mean() > alike[50:].mean() + 0.3
