import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.errors import InputError

LEVELS = (jnp.ones((1, 12, 12, 4)), jnp.ones((1, 6, 6, 4)))


def counting(factor):
    """Multiplies, and counts its training steps."""
    return Network(
        lambda key, x: {"params": jnp.array(factor), "counter": jnp.zeros(())},
        lambda variables, x: variables["params"] * x,
        lambda variables, key, x: (
            variables["params"] * x,
            {"counter": variables["counter"] + 1},
        ),
    )


def test_networks_in_turn_are_one_after_the_other():
    first, second = nn.FPN(features=4), nn.ContextModule(features=8)
    network = nn.in_turn(first, second)
    variables = network.init(jax.random.key(0), LEVELS)
    of_first, of_second = ({"params": variables["params"][i]} for i in ("0", "1"))
    wanted = second.apply(of_second, first.apply(of_first, LEVELS))
    found = network.apply(variables, LEVELS)
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_what_training_changes_is_that_of_each():
    network, x = nn.in_turn(counting(2.0), counting(3.0)), jnp.ones((1, 2))
    variables = network.init(jax.random.key(0), x)
    found, changed = network.train(variables, jax.random.key(1), x)
    np.testing.assert_array_equal(found, 6.0)
    assert changed == {"counter": {"0": 1.0, "1": 1.0}}


def test_no_network_is_a_sentence():
    with pytest.raises(InputError, match="there is no network"):
        nn.in_turn()
