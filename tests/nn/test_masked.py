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
