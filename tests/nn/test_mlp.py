import jax
import numpy as np
from flax import linen

from genjax import nn
from tests.nn.networks import assert_dtype_policy

X = jax.random.normal(jax.random.key(0), (3, 4))


def test_dtype_policy():
    def mlp(dtype):
        return nn.MLP(features=2, hidden=(8, 8), dtype=dtype)

    def res_mlp(dtype):
        return nn.ResMLP(features=2, width=8, blocks=2, dtype=dtype)

    assert assert_dtype_policy(mlp, X).shape == (3, 2)
    assert assert_dtype_policy(res_mlp, X).shape == (3, 2)


def test_a_zero_output_starts_at_zero():
    module = nn.MLP(features=2, hidden=(8,), output_init=linen.initializers.zeros)
    np.testing.assert_array_equal(module.apply(module.init(jax.random.key(1), X), X), 0)


def test_mlp_is_its_formula():
    module = nn.MLP(features=2, hidden=(8,))
    variables = module.init(jax.random.key(1), X)
    first, last = variables["params"]["Dense_0"], variables["params"]["Dense_1"]
    hidden = jax.nn.relu(X @ first["kernel"] + first["bias"][None])
    expected = hidden @ last["kernel"] + last["bias"][None]
    np.testing.assert_allclose(module.apply(variables, X), expected, rtol=1e-5)


def test_blocks_start_as_the_identity():
    shallow = nn.ResMLP(features=2, width=8, blocks=0)
    deep = nn.ResMLP(features=2, width=8, blocks=3)
    params = deep.init(jax.random.key(0), X)["params"]
    names = {"Dense_0": "Dense_0", "Dense_1": "Dense_7"}
    same = {"params": {own: params[reference] for own, reference in names.items()}}
    np.testing.assert_allclose(
        deep.apply({"params": params}, X), shallow.apply(same, X), rtol=1e-6
    )
    assert np.abs(shallow.apply(same, X)).max() > 0
