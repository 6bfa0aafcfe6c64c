import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import (
    fvsbn,
    made,
    nade,
    order_ensemble,
    ordered,
    random_orders,
    shared_ensemble,
)
from genjax.errors import InputError
from tests.laws.instances import moved

KEY, X = jax.random.key(0), jnp.eye(4)


def test_an_order_is_the_model_of_the_reordered_vectors():
    model, order = nade(hidden=3), (2, 0, 3, 1)
    turned = ordered(model, order)
    params = moved(turned.init(KEY, X))
    np.testing.assert_allclose(
        turned.log_prob(params, X), model.log_prob(params, X[:, jnp.array(order)])
    )
    observed = np.array([True, False, True, False])
    completed, _ = turned.complete(params, KEY, X, observed)
    np.testing.assert_array_equal(completed[:, [0, 2]], X[:, [0, 2]])
    with pytest.raises(InputError, match="prefix of the order"):
        turned.complete(params, KEY, X, ~observed)


def test_an_ensemble_averages_probabilities_and_not_logits():
    orders = random_orders(KEY, dim=4, n=3)
    both = order_ensemble(fvsbn(), orders)
    params = moved(both.init(KEY, X))
    each = [
        ordered(fvsbn(), o).log_prob(p, X) for o, p in zip(orders, params, strict=True)
    ]
    wanted = jnp.log(jnp.mean(jnp.exp(jnp.stack(each)), axis=0))
    np.testing.assert_allclose(both.log_prob(params, X), wanted, atol=1e-5)
    assert float(jnp.abs(wanted - jnp.mean(jnp.stack(each), axis=0)).max()) > 0.01


def test_orders_are_checked():
    assert sorted(random_orders(KEY, dim=4, n=1)[0].tolist()) == [0, 1, 2, 3]
    with pytest.raises(InputError, match=r"each of 0 ... 2 once, got \[0, 1, 1\]"):
        ordered(fvsbn(), (0, 1, 1))
    with pytest.raises(InputError, match="the order has 3 entries"):
        ordered(fvsbn(), (0, 1, 2)).init(KEY, X)
    with pytest.raises(InputError, match="at least one order"):
        order_ensemble(fvsbn(), [])
    with pytest.raises(InputError, match="at least one member"):
        shared_ensemble([])


def test_shared_weights_are_those_of_each_member():
    members = [made(hidden=(9,), seed=seed) for seed in range(3)]
    whole = shared_ensemble(members)
    params = moved(whole.init(KEY, X))
    each = jnp.stack([member.log_prob(params, X) for member in members])
    wanted = jnp.log(jnp.mean(jnp.exp(each), axis=0))
    np.testing.assert_allclose(whole.log_prob(params, X), wanted, atol=1e-5)
