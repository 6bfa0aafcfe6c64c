import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.base import Objective
from genjax.errors import InputError
from genjax.flow_matching import drop_condition, flow_matching, guided
from tests.laws.instances import time_network

KEY = jax.random.key(0)


def test_guidance_goes_beyond_the_condition_and_scale_one_changes_nothing():
    network = time_network()
    x, t, condition = jnp.ones((3, 4)), jnp.zeros(3), jnp.ones((3, 2))
    empty = jnp.zeros(2)
    variables = network.init(KEY, x, t, condition)

    def at(scale):
        model = guided(network, scale=scale, unconditional=empty)
        return model.apply(variables, x, t, condition)

    plain = network.apply(variables, x, t, jnp.zeros((3, 2)))
    np.testing.assert_allclose(
        at(1.0), network.apply(variables, x, t, condition), atol=1e-6
    )
    np.testing.assert_allclose(at(0.0), plain, atol=1e-6)
    np.testing.assert_allclose(at(3.0) - plain, 3 * (at(1.0) - plain), atol=1e-5)


def test_conditions_are_dropped_at_their_rate():
    def loss(variables, batch, key):
        value = batch["condition"].mean()
        return value, ({}, {"loss": value})

    inner = Objective(lambda key, batch: {"params": {}}, loss)
    objective = drop_condition(inner, rate=0.25, unconditional=jnp.zeros(1))
    batch = {"x": jnp.ones((10_000, 1)), "condition": jnp.ones((10_000, 1))}
    kept, _ = objective.loss({"params": {}}, batch, KEY)
    assert float(kept) == pytest.approx(0.75, abs=0.02)
    with pytest.raises(InputError, match=r"rate must be in \[0, 1\), got 1.0"):
        drop_condition(inner, rate=1.0, unconditional=jnp.zeros(1))


def test_guidance_says_what_condition_it_needs():
    network, empty = time_network(), jnp.zeros(2)
    sharper = guided(network, scale=2.0, unconditional=empty)
    with pytest.raises(InputError, match="guided: the condition must have the shape"):
        sharper.apply({}, jnp.ones((3, 4)), jnp.zeros(3))
    objective = drop_condition(flow_matching(network), rate=0.1, unconditional=empty)
    with pytest.raises(InputError, match="drop_condition: the condition must have"):
        objective.loss({}, {"x": jnp.ones((3, 4))}, KEY)
