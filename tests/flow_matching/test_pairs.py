import jax
import numpy as np
from scipy.optimize import linear_sum_assignment

from genjax.flow_matching import optimal_pairs

KEY = jax.random.key(0)


def test_optimal_pairs_are_those_of_scipy():
    noise, data = jax.random.normal(KEY, (2, 32, 3))
    paired = jax.jit(optimal_pairs)(noise, data)
    cost = np.square(np.asarray(data)[:, None] - np.asarray(noise)[None]).sum(2)
    rows, columns = linear_sum_assignment(cost)
    np.testing.assert_allclose(paired[rows], noise[columns], atol=1e-6)


def test_optimal_pairs_far_from_the_origin():
    key_noise, key_data = jax.random.split(jax.random.key(0))
    noise = jax.random.normal(key_noise, (64, 2))
    data = jax.random.normal(key_data, (64, 2))
    near, far = optimal_pairs(noise, data), optimal_pairs(noise, data + 1000)
    np.testing.assert_array_equal(near, far)
