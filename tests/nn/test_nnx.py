import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genjax import nn
from genjax.errors import InputError
from genjax.flows import affine, coupling

KEY = jax.random.key(0)
X = 3 + jax.random.normal(jax.random.key(1), (32, 2))


class Noisy(nnx.Module):
    """Statistics and dropout, and a list of layers."""

    def __init__(self, features, *, rngs):
        self.layers = nnx.List([nnx.Linear(features, features, rngs=rngs)])
        self.norm = nnx.BatchNorm(features, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.norm(self.layers[0](x)))


def test_collections_are_the_kinds_of_variables():
    network = nn.from_nnx(lambda rngs: Noisy(2, rngs=rngs))
    variables = network.init(KEY, X)
    assert sorted(variables) == ["batch_stats", "params"]
    assert "layers/0/kernel" in variables["params"]
    other = network.init(jax.random.key(5), X)
    kernels = [v["params"]["layers/0/kernel"] for v in (variables, other)]
    assert not np.allclose(*kernels)


def test_training_drops_and_moves_statistics_and_evaluation_does_not():
    network = nn.from_nnx(lambda rngs: Noisy(2, rngs=rngs))
    variables = network.init(KEY, X)
    y, changed = jax.jit(network.train)(variables, KEY, X)
    assert sorted(changed) == ["batch_stats"]
    assert 0.2 < float((y == 0).mean()) < 0.8
    other, _ = network.train(variables, jax.random.key(7), X)
    assert not np.array_equal(y, other)
    quiet = network.apply(variables, X)
    np.testing.assert_array_equal(quiet, network.apply(variables, X))
    model = Noisy(2, rngs=nnx.Rngs(KEY))
    model.eval()
    np.testing.assert_allclose(quiet, model(X), rtol=1e-6)


def test_a_bijector_takes_it_and_its_gradient():
    network = nn.from_nnx(lambda rngs: nnx.Linear(2, 4, rngs=rngs))
    layer = coupling(affine(), network, split=2)
    x = jax.random.normal(KEY, (5, 4))
    variables = layer.init(KEY, x)
    back, _ = layer.inverse(variables, layer.forward(variables, x)[0])
    np.testing.assert_allclose(back, x, atol=1e-5)
    gradient = jax.grad(lambda v: layer.forward(v, x)[1].sum())(variables)
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradient)) > 0


def test_a_model_is_no_constructor():
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(InputError, match=r"nn.from_nnx\(lambda rngs: Linear"):
        nn.from_nnx(model)
