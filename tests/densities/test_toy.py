import math

import jax
import numpy as np
import pytest
from sklearn.datasets import make_moons

from genjax.densities import (
    checkerboard,
    eight_gaussians,
    gaussian_grid,
    two_moons,
)
from genjax.errors import InputError


@pytest.mark.parametrize(
    ("density", "entropy"),
    [
        (two_moons(noise=0.05), 0.288),
        (two_moons(noise=0.1), 1.007),
        (two_moons(noise=0.2), 1.677),
        (eight_gaussians(), 2.829),
        (eight_gaussians(radius=5.0, scale=math.sqrt(0.1)), 2.6147),
        (gaussian_grid(), 0.0653),
        (checkerboard(), 3.4657),
    ],
)
def test_entropies_are_the_known_ones(density, entropy):
    _, log_prob = density.sample({}, jax.random.key(0), 20_000)
    error = 4 * float(log_prob.std()) / math.sqrt(20_000)
    assert abs(-float(log_prob.mean()) - entropy) <= error + 1e-3


def test_moons_are_those_of_scikit_learn():
    reference = make_moons(20_000, noise=0.1, random_state=0)[0]
    ours, _ = two_moons(noise=0.1).sample({}, jax.random.key(0), 20_000)
    np.testing.assert_allclose(reference.mean(0), ours.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(reference.T), np.cov(ours.T), atol=0.03)


def test_noise_must_be_positive():
    with pytest.raises(InputError, match="positive, got 0"):
        two_moons(noise=0.0)
