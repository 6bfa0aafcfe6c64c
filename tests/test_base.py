import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx

from genjax import nn
from genjax.base import Network, no_completion, params_of
from genjax.errors import InputError
from genjax.flows import affine, coupling


def plain_functions():
    def init(key, x):
        return {"params": {"w": jax.random.normal(key, (x.shape[-1], 4))}}

    return Network(init, lambda variables, x: x @ variables["params"]["w"])


def functional_nnx():
    def model(key):
        return nnx.Linear(2, 4, rngs=nnx.Rngs(key))

    graph = nnx.split(model(jax.random.key(0)))[0]

    def init(key, x):
        return {"params": nnx.to_pure_dict(nnx.split(model(key))[1])}

    def apply(variables, x):
        return nnx.merge(graph, nnx.State(variables["params"]))(x)

    return Network(init, apply)


@pytest.mark.parametrize(
    "network",
    [
        plain_functions(),
        linen.Dense(4),
        nn.MLP(features=4, hidden=(3,)),
        functional_nnx(),
    ],
    ids=["functions", "linen", "MLP", "nnx"],
)
def test_three_kinds_of_network_serve_alike(network):
    assert isinstance(network, Network)
    layer = coupling(affine(), network, split=2)
    x = jax.random.normal(jax.random.key(0), (5, 4))
    params = layer.init(jax.random.key(1), x)
    y, log_det = jax.jit(layer.forward)(params, x)
    back, _ = layer.inverse(params, y)
    assert jnp.allclose(back, x, atol=1e-5)
    gradient = jax.grad(lambda p: layer.forward(p, x)[1].sum())(params)
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradient)) > 0
    assert log_det.shape == (5,)


def test_a_network_with_other_state_is_refused():
    with pytest.raises(InputError, match=r"coupling.*batch_stats"):
        params_of({"params": {}, "batch_stats": {}}, user="coupling")
    assert params_of({}, user="coupling") == {}


def test_no_completion_says_who_has_one():
    with pytest.raises(NotImplementedError, match="autoregressive"):
        no_completion({}, jax.random.key(0), jnp.zeros((1, 1)), None)
