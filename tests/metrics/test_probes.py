import numpy as np
import pytest

from genjax.errors import InputError
from genjax.metrics import knn_accuracy, linear_probe

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 300)


@pytest.mark.parametrize("probe", [linear_probe, knn_accuracy])
def test_separable_features_are_found_and_noise_is_not(probe):
    clear = np.eye(3)[LABELS] + 0.1 * RNG.normal(size=(300, 3))
    noise = RNG.normal(size=(300, 3))
    assert probe(clear[:200], LABELS[:200], clear[200:], LABELS[200:]) > 0.97
    assert probe(noise[:200], LABELS[:200], noise[200:], LABELS[200:]) < 0.6


@pytest.mark.parametrize("probe", [linear_probe, knn_accuracy])
def test_bad_features_are_sentences(probe):
    x = np.ones((4, 2))
    with pytest.raises(InputError, match=r"got \(4, 2\) and 3 labels"):
        probe(x, LABELS[:3], x, LABELS[:4])
    broken = x.copy()
    broken[2, 1] = np.nan
    with pytest.raises(InputError, match="features of row 2 are not finite"):
        probe(broken, LABELS[:4], x, LABELS[:4])
