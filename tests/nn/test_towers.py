import jax
import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.base import Network
from tests.nn.networks import assert_dtype_policy

LEVEL = jax.random.normal(jax.random.key(1), (2, 8, 8, 8))


def test_the_tower_shares_its_weights_and_starts_at_the_prior():
    outputs = (("logits", 3), ("distance", 4))

    def make(dtype):
        tower = nn.DenseTower(outputs=outputs, width=8, dtype=dtype)
        return lambda_network(tower)

    assert_dtype_policy(make, LEVEL)
    tower = nn.DenseTower(outputs=outputs, width=8)
    same = (LEVEL, LEVEL)
    raw = tower.apply(tower.init(jax.random.key(0), same), same)
    np.testing.assert_array_equal(*raw["logits"])
    np.testing.assert_allclose(jax.nn.sigmoid(raw["logits"][0]).mean(), 0.01, rtol=0.5)


def test_the_likeliest_background_counts_on_the_finest_level():
    how = {"outputs": (("logits", 3), ("distance", 4)), "width": 8}
    tower, plain = nn.DenseTower(**how, backgrounds=2), nn.DenseTower(**how)
    levels = (LEVEL, LEVEL)
    variables = tower.init(jax.random.key(0), levels)
    params = dict(variables["params"])
    ways = params.pop("background")
    alone = plain.apply({"params": params}, levels)["logits"][0]
    ways = {"kernel": jnp.zeros_like(ways["kernel"]), "bias": jnp.array([2.0, 5.0])}
    raw = tower.apply({"params": {**params, "background": ways}}, levels)
    np.testing.assert_allclose(raw["logits"][0], alone - 5, rtol=1e-6)
    np.testing.assert_allclose(raw["logits"][1], alone - 2, rtol=1e-6)
    start = tower.apply(variables, levels)["logits"]
    np.testing.assert_allclose(jax.nn.sigmoid(start[0]).mean(), 0.01, rtol=0.5)


def lambda_network(tower):
    """The tower over one level, as a network with one output."""
    return Network(
        lambda key, x: tower.init(key, (x,)),
        lambda variables, x: tower.apply(variables, (x,))["logits"][0],
    )
