import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax import nn
from genjax.autoregressive import nade
from genjax.base import Objective
from genjax.densities import negative_log_likelihood, standard_normal
from genjax.errors import InputError
from genjax.flow_matching import continuous, fixed_steps, hutchinson_divergence
from genjax.flows import density
from genjax.training import (
    accumulate,
    gradient_descent,
    scan_steps,
    scheduled,
    stochastic,
    weighted_sum,
    with_preprocessing,
)
from tests.laws.instances import batch


def test_accumulated_gradients_are_those_of_the_whole_batch():
    whole = negative_log_likelihood(nade(hidden=5))
    variables = whole.init(jax.random.key(0), batch())

    def gradient(objective):
        def loss(v):
            return objective.loss(v, batch(), jax.random.key(1))[0]

        return jax.jit(jax.grad(loss))(variables)

    for n in (1, 2, 8):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            gradient(whole),
            gradient(accumulate(whole, n)),
        )


def test_collections_go_from_one_microbatch_to_the_next():
    def loss(variables, batch, key):
        count = variables["counts"] + 1
        value = jnp.mean(batch["x"]) * variables["params"]
        return value, ({"counts": count}, {"loss": value})

    objective = Objective(lambda key, b: {}, loss)
    variables = {"params": jnp.ones(()), "counts": jnp.zeros((), jnp.int32)}
    _, (new, metrics) = accumulate(objective, 4).loss(
        variables, batch(), jax.random.key(0)
    )
    assert int(new["counts"]) == 4
    np.testing.assert_allclose(metrics["loss"], batch()["x"].mean(), rtol=1e-6)


def test_microbatches_must_divide_the_batch():
    objective = accumulate(negative_log_likelihood(nade(hidden=5)), 3)
    variables = objective.init(jax.random.key(0), batch())
    with pytest.raises(InputError, match="n = 3 must divide the batch, got 16 rows"):
        objective.loss(variables, batch(), jax.random.key(0))


def test_preprocessing_draws_from_a_key_of_its_own():
    keys = []

    def loss(variables, batch, key):
        keys.append(key)
        return jnp.zeros(()), ({}, {})

    inner = Objective(lambda key, b: {"params": ()}, loss)
    outer = with_preprocessing(inner, lambda key, b: keys.append(key))
    outer.loss({}, {}, jax.random.key(0))
    first, second = map(jax.random.key_data, keys)
    assert not np.array_equal(first, second)


def test_every_step_draws_noise_of_its_own():
    keys = []

    def make(key):
        keys.append(key)
        return Objective(
            lambda key, b: {"params": jnp.zeros(())},
            lambda variables, b, inner: (jax.random.uniform(key), ({}, {})),
        )

    objective = stochastic(make)
    variables = objective.init(jax.random.key(3), {})
    losses = [objective.loss(variables, {}, jax.random.key(i))[0] for i in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_a_schedule_counts_the_steps_of_training():
    def make(step):
        def loss(variables, b, key):
            value = variables["params"] * 0.0 + jnp.asarray(step, jnp.float32)
            return value, ({}, {"loss": value})

        return Objective(lambda key, b: {"params": jnp.ones(())}, loss)

    update = gradient_descent(scheduled(make), optax.sgd(0.1))
    state, seen = update.init(jax.random.key(0), {}), []
    step = jax.jit(update.step)
    for _ in range(3):
        state, metrics = step(state, {})
        seen.append(float(metrics["loss"]))
    assert seen == [0.0, 1.0, 2.0]


def test_an_estimated_log_determinant_is_not_learnt_by_heart():
    # A fixed key drove the estimate 130 nats below the entropy in 1500 steps.
    base, network = standard_normal((8,)), nn.TimeMLP(features=8, hidden=(16,))

    def make(key):
        flow = continuous(
            network,
            integrator=fixed_steps(4),
            divergence=hutchinson_divergence(key),
        )
        return density(flow, base)

    objective = stochastic(lambda key: negative_log_likelihood(make(key)))
    update = gradient_descent(objective, optax.adam(5e-3))
    x = jax.random.normal(jax.random.key(0), (300, 64, 8))
    state = jax.jit(update.init)(jax.random.key(1), {"x": x[0]})
    state, metrics = jax.jit(scan_steps(update).step)(state, {"x": x})
    exact = density(continuous(network, integrator=fixed_steps(4)), base)
    fresh = jax.random.normal(jax.random.key(2), (2000, 8))
    nll = -float(exact.log_prob(state.variables, fresh).mean())
    entropy = 4 * np.log(2 * np.pi * np.e)
    assert abs(nll - entropy) < 0.3
    assert abs(float(metrics["nll"][-50:].mean()) - entropy) < 0.3


def test_microbatches_are_of_one_step_of_a_schedule():
    def make(step):
        def loss(variables, b, key):
            value = jnp.mean(b["x"]) * 0.0 + step.astype(jnp.float32)
            return value, ({}, {"loss": value})

        return Objective(lambda key, b: {"params": jnp.ones(())}, loss)

    objective = accumulate(scheduled(make), 4)
    update = gradient_descent(objective, optax.sgd(0.1))
    state, seen = update.init(jax.random.key(0), batch()), []
    for _ in range(3):
        state, metrics = update.step(state, batch())
        seen.append(float(metrics["loss"]))
    assert seen == [0.0, 1.0, 2.0]


def counting(value, step):
    """An objective that adds to a collection which all share."""

    def loss(variables, batch, key):
        seen = variables["counts"]
        changed = {"counts": seen + step}
        return value * variables["params"], (
            changed,
            {"loss": 0.0, f"seen_{step}": seen},
        )

    return Objective(
        lambda key, batch: {"params": jnp.ones(()), "counts": jnp.zeros(())}, loss
    )


def test_a_weighted_sum_hands_collections_on():
    both = weighted_sum(
        {"a": counting(2.0, 1), "b": counting(3.0, 10)}, weights={"b": 0.5}
    )
    variables = both.init(jax.random.key(0), batch())
    value, (changed, metrics) = both.loss(variables, batch(), jax.random.key(1))
    assert value == 2.0 + 0.5 * 3.0
    assert changed["counts"] == 11
    assert {k: float(v) for k, v in metrics.items()} == {
        "loss": 3.5,
        "a": 2.0,
        "b": 3.0,
        "seen_1": 0.0,
        "seen_10": 1.0,
    }


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({}, "there must be one, got weights of .'b'. and objectives .."),
        ({"a": counting(1.0, 1)}, "got weights of .'b'. and objectives .'a'."),
    ],
)
def test_weights_of_other_objectives_are_a_sentence(objectives, message):
    with pytest.raises(InputError, match=message):
        weighted_sum(objectives, weights={"b": 1.0})


def test_steps_of_scheduled_parts_are_counted_once():
    def of_step(step):
        def loss(variables, batch, key):
            value = variables["params"] * step.astype(jnp.float32)
            return value, ({}, {})

        return Objective(lambda key, batch: {"params": jnp.ones(())}, loss)

    plain = Objective(
        lambda key, batch: {"params": jnp.ones(())},
        lambda v, b, key: (v["params"], ({}, {})),
    )
    both = weighted_sum(
        {"plain": plain, "a": scheduled(of_step), "b": scheduled(of_step)}
    )
    variables = both.init(jax.random.key(0), batch())
    for step in range(3):
        value, (changed, _) = both.loss(variables, batch(), jax.random.key(1))
        assert value == 1 + 2 * step
        variables = {**variables, **changed}


def test_an_objective_that_is_named_loss_is_a_sentence():
    with pytest.raises(InputError, match="by names other than 'loss'"):
        weighted_sum({"loss": counting(1.0, 1)})
