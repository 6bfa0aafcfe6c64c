import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.autoregressive import (
    autoregressive,
    binary,
    made,
    uncached,
)
from genjax.errors import InputError
from tests.laws.instances import moved

KEY = jax.random.key(0)


@pytest.mark.parametrize("fields", [{}, {"seed": 1}, {"direct": True}])
def test_samples_are_those_of_a_pass_a_dimension(fields):
    network = nn.MaskedMLP(features=1, hidden=(30, 20), **fields)
    plain = autoregressive(
        uncached(
            lambda key, inputs, condition=None: network.init(key, inputs[..., 0]),
            lambda variables, inputs, condition=None: network.apply(
                variables, inputs[..., 0]
            ),
        ),
        binary(),
    )
    model = made(hidden=(30, 20), **fields)
    x = jax.random.bernoulli(KEY, 0.4, (8, 12)).astype(jnp.float32)
    params = moved(model.init(KEY, x))
    x, log_prob = jax.jit(model.sample, static_argnums=2)(params, KEY, 100)
    y, plain_log_prob = jax.jit(plain.sample, static_argnums=2)(params, KEY, 100)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_allclose(log_prob, plain_log_prob, atol=1e-4)


def test_a_condition_moves_samples_and_is_checked():
    model, x, condition = made(hidden=(8,)), jnp.eye(3), jnp.ones((3, 2))
    params = moved(model.init(KEY, x, condition))
    drawn, log_prob = model.sample(params, KEY, 3, condition)
    np.testing.assert_allclose(
        log_prob, model.log_prob(params, drawn, condition), atol=1e-5
    )
    with pytest.raises(InputError, match="initialised with a condition"):
        model.log_prob(params, x)
    with pytest.raises(InputError, match="widths must be at least 1"):
        made(hidden=(0,))


def test_an_order_completes_its_own_prefix():
    order, x = (2, 0, 3, 1), jnp.eye(4)
    model = made(hidden=(9,), order=order)
    params = moved(model.init(KEY, x))
    observed = np.array([True, False, True, False])
    completed, conditional = model.complete(params, KEY, x, observed)
    np.testing.assert_array_equal(completed[:, [0, 2]], x[:, [0, 2]])
    assert float(np.abs(conditional).min()) > 0
    with pytest.raises(InputError, match="dimension 2 is missing before observed ones"):
        model.complete(params, KEY, x, ~observed)
    with pytest.raises(InputError, match=r"each of 0 \.\.\. 4 once"):
        model.init(KEY, jnp.eye(5))


def test_degrees_stand_in_place_of_an_order():
    with pytest.raises(InputError, match="in place of an order"):
        made(hidden=(4,), seed=0, degrees=nn.sampled_degrees([0], dim=3, hidden=(4,)))


def test_residual_layers_have_no_random_degrees():
    (*degrees,) = nn.sampled_degrees([0], dim=3, hidden=(4, 4))
    for fields in ({"seed": 0}, {"degrees": [part[0] for part in degrees]}):
        with pytest.raises(InputError, match="neither a seed nor degrees"):
            made(hidden=(4, 4), residual=True, **fields)
    with pytest.raises(InputError, match="evenly spread degrees"):
        nn.MaskedMLP(features=1, hidden=(4, 4), residual=True, degrees=degrees).init(
            KEY, jnp.ones((2, 3))
        )
