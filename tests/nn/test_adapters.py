import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from genjax import nn
from genjax.base import Network
from genjax.errors import InputError
from genjax.flows import affine, coupling, masked_autoregressive

KEY, X = jax.random.key(0), jnp.ones((3, 4))
LAYERS = {
    "coupling": coupling(affine(), nn.MLP(features=4, hidden=(8,)), split=2),
    "masked_autoregressive": masked_autoregressive(
        affine(), nn.MaskedMLP(features=2, hidden=(8,))
    ),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    ("first", "then"), [((3, 2), None), (None, (3, 2)), ((3, 2), (3, 5))]
)
def test_a_condition_that_is_missing_or_of_another_width_is_named(name, first, then):
    first, then = (None if s is None else jnp.ones(s) for s in (first, then))
    variables = LAYERS[name].init(KEY, X, first)
    with pytest.raises(InputError, match="condition"):
        LAYERS[name].forward(variables, X, then)


def test_rows_of_the_condition_are_counted():
    network = nn.as_network(nn.MaskedMLP(features=2, hidden=(8,)), user="test")
    with pytest.raises(InputError, match="test: x and its condition must have one row"):
        network.init(KEY, X, jnp.ones((2, 2)))


def test_outputs_are_float32_whatever_the_network_returns():
    half = Network(
        lambda key, x: {"params": {}},
        lambda v, x: (x.astype(jnp.bfloat16), jnp.array(2)),
    )
    y, other = nn.as_network(half, user="test").apply({}, X)
    assert (y.dtype, other.dtype) == (jnp.float32, jnp.int32)


def test_a_pair_of_functions_with_two_collections_is_a_network():
    pair = Network(
        lambda key, x: {"params": {"w": x[0]}, "constants": {"scale": 2.0 * x[0]}},
        lambda v, x: x * v["params"]["w"][None] * v["constants"]["scale"][None],
    )
    network = nn.as_pure_network(pair, user="test")
    variables = network.init(KEY, X)
    y, changed = network.train(variables, KEY, X)
    np.testing.assert_array_equal(y, 2 * X)
    assert changed == {}


def test_statistics_are_refused_inside_a_density_with_the_ways_out():
    layer = coupling(affine(), Statistics(), split=2)
    with pytest.raises(InputError, match="coupling: a density or a bijector is a pure"):
        layer.init(KEY, X)
    with pytest.raises(InputError, match="conditional_likelihood"):
        layer.init(KEY, X)


class Statistics(linen.Module):
    @linen.compact
    def __call__(self, x, *, train: bool = False):
        return linen.Dense(4)(nn.BatchNorm()(x, train=train))


class Dropped(linen.Module):
    @linen.compact
    def __call__(self, x, *, train: bool = False):
        return linen.Dropout(0.5, deterministic=not train)(linen.Dense(4)(x))


def test_a_density_evaluates_dropout_off_and_a_noisy_view_has_one_draw():
    plain = coupling(affine(), Dropped(), split=2)
    with pytest.raises(InputError, match=r"training\.stochastic.*\s.*nn\.noisy"):
        plain.init(KEY, X)
    variables = coupling(affine(), nn.noisy(Dropped(), KEY), split=2).init(KEY, X)
    first, second = (plain.forward(variables, X)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    noisy = [
        coupling(affine(), nn.noisy(Dropped(), jax.random.key(i)), split=2)
        for i in (1, 1, 2)
    ]
    one, same, other = (layer.forward(variables, X)[0] for layer in noisy)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    back, _ = noisy[0].inverse(variables, one)
    np.testing.assert_allclose(back, X, atol=1e-5)


def test_a_noisy_view_of_statistics_is_refused():
    variables = Statistics().init(KEY, X)
    with pytest.raises(InputError, match=r"changes \['batch_stats'\]"):
        nn.noisy(Statistics(), KEY).apply(variables, X)


@pytest.mark.parametrize("model", [3, "mlp", lambda x: x])
def test_what_is_no_network_is_refused(model):
    with pytest.raises(InputError, match="test: a network is a Flax Linen module"):
        inspect.unwrap(nn.as_network)(model, user="test")


def test_an_nnx_model_is_asked_for_its_constructor():
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(InputError, match="test: Linear: an NNX model holds the values"):
        inspect.unwrap(nn.as_network)(model, user="test")


class Foreign:
    def init(self, key, x):
        return {"params": jnp.ones(4)}

    def apply(self, variables, x, train=False):
        return x * variables["params"][None]


def test_the_mode_of_a_foreign_apply_is_asked_for():
    with pytest.raises(
        InputError, match=r"takes 'train'. Write Network\(init, apply, t"
    ):
        nn.as_network(Foreign(), user="test")


@pytest.mark.parametrize(
    ("init", "train", "sentence"),
    [
        ({"w": X[0]}, (X, {}), r"\['w'\] are none of them"),
        ({"params": X[0]}, X, r"returns \(outputs, changed collections\)"),
        ({"params": X[0]}, (X, {"batch_stats": X}), r"changes \['batch_stats'\], but"),
        ({"params": X[0]}, (X, {"params": X[0]}), r"changes \['params'\], but"),
    ],
    ids=["no params", "no pair", "a new collection", "params"],
)
def test_what_functions_return_is_checked(init, train, sentence):
    functions = Network(lambda key, x: init, lambda v, x: x, lambda v, key, x: train)
    network = inspect.unwrap(nn.as_network)(functions, user="test")
    with pytest.raises(InputError, match=sentence):
        network.train(network.init(KEY, X), KEY, X)


def test_a_class_is_no_network():
    with pytest.raises(InputError, match="hand over a network, MLP"):
        nn.as_network(nn.MLP, user="test")


def test_variables_are_collections():
    bare = Network(lambda key, x: jnp.eye(2), lambda variables, x: x)
    with pytest.raises(InputError, match="returns collections by their names"):
        inspect.unwrap(nn.as_network)(bare, user="test").init(KEY, X)
