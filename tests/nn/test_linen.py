import jax
import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.nn import training_pass


def test_statistics_come_back_and_plain_networks_have_none():
    x = 3 + jax.random.normal(jax.random.key(0), (64, 2))
    norm, plain = nn.BatchNorm(momentum=0.0), nn.MLP(features=2, hidden=(4,))
    y, new = training_pass(norm, norm.init(jax.random.key(1), x, train=False), x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-5)
    moments = new["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(moments["mean"], x.mean(axis=0), rtol=1e-5)
    variables = plain.init(jax.random.key(1), x)
    y, new = training_pass(plain, variables, x)
    assert new == {}
    np.testing.assert_array_equal(y, plain.apply(variables, x))
    assert jnp.all(jnp.isfinite(y))
