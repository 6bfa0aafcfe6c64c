import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import gaussian_radius, is_peak, released_radius


def test_the_radius_keeps_the_overlap_and_the_released_one_does_not():
    size = jnp.array([[10.0, 10.0], [30.0, 7.0], [3.0, 90.0]])
    for least in (0.3, 0.7):
        r = np.asarray(gaussian_radius(size, overlap=least), float)
        w, h = np.asarray(size, float).T
        same = (w - r) * (h - r) / (2 * w * h - (w - r) * (h - r))
        inwards = (w - 2 * r) * (h - 2 * r) / (w * h)
        outwards = w * h / ((w + 2 * r) * (h + 2 * r))
        worst = np.minimum(np.minimum(same, inwards), outwards)
        np.testing.assert_allclose(worst, least, rtol=1e-4)
    np.testing.assert_allclose(gaussian_radius(size)[0], 0.817, atol=1e-3)
    np.testing.assert_allclose(released_radius(size)[0], 2.733, atol=1e-3)


@pytest.mark.parametrize("window", [3, 5])
def test_peaks_are_the_highest_of_their_neighbourhoods(window):
    score = np.random.default_rng(0).uniform(size=(2, 9, 7, 3)).astype(np.float32)
    found = np.asarray(is_peak(jnp.asarray(score), window=window))
    reach = window // 2
    for b, row, column, c in np.ndindex(*score.shape):
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        highest = score[b, rows, columns, c].max()
        assert found[b, row, column, c] == (score[b, row, column, c] == highest)
