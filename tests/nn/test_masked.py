import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError


@pytest.mark.parametrize("order", [None, (3, 0, 4, 1, 2)])
@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("hidden", [(), (2,), (16,), (7, 9)])
def test_outputs_see_earlier_inputs_alone(order, seed, hidden):
    module = nn.MaskedMLP(
        features=2, hidden=hidden, order=order, seed=seed, activation=jnp.tanh
    )
    x = jax.random.normal(jax.random.key(0), (1, 5))
    variables = module.init(jax.random.key(1), x)
    jacobian = jax.jacrev(lambda x: module.apply(variables, x[None])[0])(x[0])
    places = np.arange(5) if order is None else np.array(order)
    allowed = places[None, :] < places[:, None]
    depends = np.any(np.asarray(jacobian) != 0, axis=1)
    assert not np.any(depends & ~allowed)
    if len(hidden) == 1 and hidden[0] >= 16 and seed is None:
        np.testing.assert_array_equal(depends, allowed)


def test_no_permutation_is_refused():
    with pytest.raises(InputError, match=r"once, got \[0, 2\]"):
        nn.autoregressive_masks((0, 2), (4,))


def test_one_dimension_has_a_constant_output():
    module = nn.MaskedMLP(features=1, hidden=(4,))
    x = jnp.array([[0.0], [1.0]])
    y = module.apply(module.init(jax.random.key(0), x), x)
    np.testing.assert_array_equal(y[0], y[1])


def test_sampled_degrees_are_those_of_each_seed_and_order():
    orders = [(2, 0, 1), (1, 2, 0)]
    places, first = nn.sampled_degrees((4, 5), dim=3, hidden=(6,), orders=orders)
    np.testing.assert_array_equal(places, [np.argsort(order) for order in orders])
    for k, seed in enumerate((4, 5)):
        (wanted,) = nn.hidden_degrees(places[k], (6,), seed=seed)
        np.testing.assert_array_equal(first[k], wanted)
    with pytest.raises(InputError, match="got 1 seeds, 2 orders"):
        nn.sampled_degrees((4,), dim=3, hidden=(6,), orders=orders)


def test_traced_degrees_give_the_same_outputs():
    x, key = jax.random.normal(jax.random.key(0), (2, 5)), jax.random.key(1)
    plain = nn.MaskedMLP(features=2, hidden=(7, 9), seed=3, direct=True)
    variables = plain.init(key, x)
    degrees = nn.sampled_degrees([3], dim=5, hidden=(7, 9))

    @jax.jit
    def apply(degrees):
        drawn = [layer[0] for layer in degrees]
        return plain.clone(seed=None, degrees=drawn).apply(variables, x)

    np.testing.assert_allclose(apply(degrees), plain.apply(variables, x), rtol=1e-6)
