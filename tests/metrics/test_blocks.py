import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from genjax.metrics._blocks import in_blocks, squared_distances


def test_distances_are_scipys_and_never_negative():
    x, y = (jax.random.normal(jax.random.key(i), (40, 7)) for i in range(2))
    found = squared_distances(x, y)
    np.testing.assert_allclose(found, cdist(x, y) ** 2, rtol=1e-4, atol=1e-4)
    assert float(squared_distances(1e3 * x, 1e3 * x).min()) >= 0


@pytest.mark.parametrize("block", [1, 3, 5, 10, 100])
def test_blocks_do_not_change_the_result(block):
    x = jnp.arange(20.0).reshape(10, 2)
    found = in_blocks(lambda x: {"sum": x.sum(1), "x": x}, x, block=block)
    np.testing.assert_array_equal(found["sum"], x.sum(1))
    np.testing.assert_array_equal(found["x"], x)
