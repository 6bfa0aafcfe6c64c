import jax

from genjax import nn
from tests.nn.networks import assert_dtype_policy


def test_shape_and_dtype_policy():
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))

    def make(dtype):
        return nn.ResNet(features=5, widths=(4, 8), blocks=2, dtype=dtype)

    assert assert_dtype_policy(make, x).shape == (2, 5)
