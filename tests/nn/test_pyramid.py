import jax
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from tests.nn.networks import assert_dtype_policy

IMAGE = jax.random.normal(jax.random.key(0), (2, 16, 16, 1))
LEVELS = (
    jax.random.normal(jax.random.key(1), (2, 8, 8, 8)),
    jax.random.normal(jax.random.key(2), (2, 4, 4, 16)),
)


def test_strides_are_those_of_the_stages():
    module = nn.PyramidBackbone(widths=(8, 8, 16), levels=2, stem=2)
    features = module.apply(module.init(jax.random.key(0), IMAGE), IMAGE)
    assert [f.shape for f in features] == [(2, 4, 4, 8), (2, 2, 2, 16)]
    with pytest.raises(InputError, match="multiples of 8, got 12 x 16"):
        module.init(jax.random.key(0), IMAGE[:, :12])


def test_coarse_features_reach_the_finer_level_and_not_the_other_way():
    module = nn.FPN(features=4)
    variables = module.init(jax.random.key(0), LEVELS)
    fine, coarse = module.apply(variables, LEVELS)
    changed = module.apply(variables, (LEVELS[0], LEVELS[1] + 1))
    assert float(np.abs(changed[0] - fine).max()) > 1e-3
    other = module.apply(variables, (LEVELS[0] + 1, LEVELS[1]))
    np.testing.assert_array_equal(other[1], coarse)
    with pytest.raises(InputError, match=r"got \(8, 8\) before \(8, 8\)"):
        module.init(jax.random.key(0), (LEVELS[0], LEVELS[0]))


def test_the_tower_shares_its_weights_and_starts_at_the_prior():
    outputs = (("logits", 3), ("distance", 4))

    def make(dtype):
        tower = nn.DenseTower(outputs=outputs, width=8, dtype=dtype)
        return lambda_network(tower)

    assert_dtype_policy(make, LEVELS[0])
    tower = nn.DenseTower(outputs=outputs, width=8)
    same = (LEVELS[0], LEVELS[0])
    raw = tower.apply(tower.init(jax.random.key(0), same), same)
    np.testing.assert_array_equal(*raw["logits"])
    np.testing.assert_allclose(jax.nn.sigmoid(raw["logits"][0]).mean(), 0.01, rtol=0.5)


def lambda_network(tower):
    """The tower over one level, as a network with one output."""
    from genjax.base import Network

    return Network(
        lambda key, x: tower.init(key, (x,)),
        lambda variables, x: tower.apply(variables, (x,))["logits"][0],
    )
