import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from genjax import nn
from genjax.base import COLLECTIONS, Network, TrainState
from genjax.flows import affine, coupling


def plain_functions():
    def init(key, x):
        return {"params": {"w": jax.random.normal(key, (x.shape[-1], 4))}}

    return Network(init, lambda variables, x: x @ variables["params"]["w"])


@pytest.mark.parametrize(
    "network",
    [
        plain_functions(),
        linen.Dense(4),
        nn.MLP(features=4, hidden=(3,)),
        nn.from_nnx(lambda rngs: nnx.Linear(2, 4, rngs=rngs)),
    ],
    ids=["functions", "linen", "MLP", "nnx"],
)
def test_three_kinds_of_network_serve_alike(network):
    layer = coupling(affine(), network, split=2)
    x = jax.random.normal(jax.random.key(0), (5, 4))
    variables = layer.init(jax.random.key(1), x)
    y, _ = jax.jit(layer.forward)(variables, x)
    back, _ = layer.inverse(variables, y)
    assert np.allclose(back, x, atol=1e-5)
    gradient = jax.grad(lambda v: layer.forward(v, x)[1].sum())(variables)
    assert max(float(np.abs(g).max()) for g in jax.tree.leaves(gradient)) > 0


def test_a_pair_of_functions_trains_as_it_is_evaluated():
    network = plain_functions()
    x = jnp.ones((3, 2))
    variables = network.init(jax.random.key(0), x)
    y, changed = network.train(variables, jax.random.key(1), x)
    assert changed == {}
    assert bool((y == network.apply(variables, x)).all())


def test_a_training_pass_of_ones_own_is_taken():
    network = plain_functions()._replace(
        training=lambda variables, key, x: (x, {"batch_stats": x})
    )
    assert sorted(network.train({}, jax.random.key(0), jnp.ones(1))[1]) == [
        "batch_stats"
    ]


def test_what_is_evaluated_is_the_average_where_there_is_one():
    state = TrainState(jnp.zeros(()), jax.random.key(0), {"params": 1}, ())
    assert state.evaluated == {"params": 1}
    assert state._replace(average={"params": 2}).evaluated == {"params": 2}


def test_every_collection_has_a_meaning_on_several_devices():
    assert set(COLLECTIONS.values()) == {"mean", "same"}
    assert COLLECTIONS["batch_stats"] == "mean"
