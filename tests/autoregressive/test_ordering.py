from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.autoregressive import (
    deep_nade,
    fvsbn,
    made,
    member_likelihood,
    nade,
    order_ensemble,
    ordered,
    random_orders,
    shared_ensemble,
)
from genjax.errors import InputError
from genjax.variables import parts_of
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
        ordered(fvsbn(), order).log_prob(own, X)
        for order, own in zip(orders, parts_of(params, 3), strict=True)
    ]
    wanted = jnp.log(jnp.mean(jnp.exp(jnp.stack(each)), axis=0))
    np.testing.assert_allclose(both.log_prob(params, X), wanted, atol=1e-5)
    assert float(np.abs(wanted - jnp.mean(jnp.stack(each), axis=0)).max()) > 0.01


def test_orders_are_checked():
    assert sorted(random_orders(KEY, dim=4, n=1)[0].tolist()) == [0, 1, 2, 3]
    with pytest.raises(InputError, match=r"each of 0 ... 2 once, got \[0, 1, 1\]"):
        ordered(fvsbn(), (0, 1, 1))
    with pytest.raises(InputError, match="the order has 3 entries"):
        ordered(fvsbn(), (0, 1, 2)).init(KEY, X)
    with pytest.raises(InputError, match="at least one order"):
        order_ensemble(fvsbn(), [])
    with pytest.raises(InputError, match=r"at least one, got the lengths \[0\]"):
        shared_ensemble(lambda order: made(hidden=(4,), order=order), np.zeros((0, 4)))
    with pytest.raises(InputError, match=r"got the lengths \[2, 3\]"):
        member_likelihood(lambda both: fvsbn(), (np.zeros(2), np.zeros(3)))


HIDDEN = (8, 7)
ORDERS = random_orders(KEY, dim=4, n=3)
DEGREES = nn.sampled_degrees((3, 4, 5), dim=4, hidden=HIDDEN, orders=ORDERS)


def masked(degrees):
    return made(hidden=HIDDEN, degrees=degrees, direct=True)


def log_probs_of_members(params):
    members = [
        made(hidden=HIDDEN, seed=seed, order=order, direct=True)
        for seed, order in zip((3, 4, 5), ORDERS, strict=True)
    ]
    return jnp.stack([member.log_prob(params, X) for member in members])


def test_shared_weights_are_those_of_each_member():
    whole = shared_ensemble(masked, DEGREES)
    params = moved(whole.init(KEY, X))
    wanted = jnp.log(jnp.mean(jnp.exp(log_probs_of_members(params)), axis=0))
    np.testing.assert_allclose(whole.log_prob(params, X), wanted, atol=1e-5)


def test_a_step_trains_one_of_the_members():
    objective = member_likelihood(masked, DEGREES)
    variables = moved(objective.init(KEY, {"x": X}))
    each = -np.asarray(log_probs_of_members(variables)).mean(axis=1)
    assert np.ptp(each) > 1e-3
    loss = jax.jit(lambda key: objective.loss(variables, {"x": X}, key)[0])
    found = np.array([float(loss(key)) for key in jax.random.split(KEY, 20)])
    nearest = np.abs(each[None] - found[:, None]).argmin(axis=1)
    assert set(nearest.tolist()) == {0, 1, 2}
    np.testing.assert_allclose(found, each[nearest], rtol=1e-5)


def test_masks_are_checked_in_the_users_numbering():
    turned = ordered(fvsbn(), (2, 0, 3, 1))
    params = turned.init(KEY, X)
    with pytest.raises(InputError, match="dimension 2 is missing before"):
        turned.complete(params, KEY, X, np.array([True, False, False, False]))
    with pytest.raises(InputError, match=r"shape \(4,\), got \(5,\)"):
        turned.complete(params, KEY, X, np.zeros(5, bool))
    with pytest.raises(InputError, match="must be known when the program is traced"):
        jax.jit(lambda mask: turned.complete(params, KEY, X, mask))(np.zeros(4, bool))


def test_members_of_other_orders_do_not_complete_what_is_no_prefix():
    make = partial(deep_nade, nn.MLP(features=4, hidden=(4,)))
    model = shared_ensemble(make, np.array([(0, 1, 2, 3), (1, 0, 3, 2)]))
    params = model.init(KEY, X)
    model.complete(params, KEY, X, np.array([True, True, False, False]))
    with pytest.raises(InputError, match="deep_nade without an order"):
        model.complete(params, KEY, X, np.array([True, False, True, False]))
