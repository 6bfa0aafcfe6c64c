import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from tests.laws.instances import Noisy

X = jax.random.normal(jax.random.key(0), (4, 3))


def test_what_has_learnt_has_no_parameter_and_no_gradient():
    mlp = nn.MLP(features=2, hidden=(4,), output_init=jax.nn.initializers.normal(1.0))
    variables = mlp.init(jax.random.key(1), X)
    network = nn.in_turn(nn.frozen(mlp, variables), nn.MLP(features=1, hidden=()))
    held = network.init(jax.random.key(2), X)
    assert jax.tree.leaves(held["params"]["0"]) == []
    first = nn.frozen(mlp, variables).apply({"constants": variables}, X)
    np.testing.assert_array_equal(first, mlp.apply(variables, X))
    gradient = jax.grad(
        lambda params: jnp.sum(network.apply({**held, "params": params}, X))
    )(held["params"])
    assert len(jax.tree.leaves(gradient)) == 2


def test_it_is_evaluated_in_training_too():
    noisy = nn.as_network(Noisy(), user="test")
    variables = noisy.init(jax.random.key(1), X)
    network = nn.frozen(noisy, variables)
    held = network.init(jax.random.key(2), X)
    found, changed = network.train(held, jax.random.key(3), X)
    assert not changed
    np.testing.assert_array_equal(found, noisy.apply(variables, X))


def test_parameters_in_the_place_of_variables_are_a_sentence():
    mlp = nn.MLP(features=2, hidden=())
    with pytest.raises(InputError, match="must be those of the network, with 'params'"):
        nn.frozen(mlp, mlp.init(jax.random.key(1), X)["params"])


def test_variables_of_another_network_are_a_sentence():
    mlp, other = (nn.MLP(features=n, hidden=()) for n in (2, 3))
    network = nn.frozen(mlp, other.init(jax.random.key(1), X))
    with pytest.raises(InputError, match="are not those of the network"):
        network.init(jax.random.key(2), X)
    with pytest.raises(InputError, match="must be those of the network"):
        nn.frozen(mlp, {})
