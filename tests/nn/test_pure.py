import jax
import jax.numpy as jnp
import pytest

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
    params = LAYERS[name].init(KEY, X, first)
    with pytest.raises(InputError, match="condition"):
        LAYERS[name].forward(params, X, then)


def test_rows_of_the_condition_are_counted():
    network = nn.stateless(nn.MaskedMLP(features=2, hidden=(8,)), user="test")
    with pytest.raises(InputError, match="test: x and its condition must have one row"):
        network.init(KEY, X, jnp.ones((2, 2)))


def test_networks_with_statistics_are_refused_and_outputs_are_float32():
    half = nn.stateless(
        nn.MLP(features=2, hidden=(8,), dtype=jnp.bfloat16), user="test"
    )
    assert half.apply(half.init(KEY, X), X).dtype == jnp.float32
    counted = Network(lambda key, x: {"params": {}, "counts": x}, lambda v, x: x)
    with pytest.raises(InputError, match="test: the network must keep its state"):
        nn.stateless(counted, user="test").init(KEY, X)
