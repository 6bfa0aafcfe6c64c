import jax

from genjax import nn
from genjax.base import Network
from tests.nn.networks import assert_dtype_policy


def test_shape_and_dtype_policy():
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))

    def make(dtype):
        return nn.ConvNet(features=5, widths=(4, 8), dtype=dtype)

    assert assert_dtype_policy(make, x).shape == (2, 5)


def test_the_map_and_the_vector_follow_the_policy():
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))

    def make(dtype):
        module = nn.LocalGlobalNet(features=5, widths=(4, 8), hidden=6, dtype=dtype)
        return Network(module.init, lambda v, x: module.apply(v, x)[1])

    assert assert_dtype_policy(make, x).shape == (2, 5)
    module = nn.LocalGlobalNet(features=5, widths=(4, 8), hidden=6)
    assert module.apply(module.init(jax.random.key(0), x), x)[0].shape == (2, 4, 4, 8)
