import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax import nn
from genjax.base import Objective
from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.training import gradient_descent


def test_a_step_is_the_optimisers():
    objective = negative_log_likelihood(diagonal_normal((2,)))
    update = gradient_descent(objective, optax.sgd(0.1))
    batch = {"x": jax.random.normal(jax.random.key(0), (8, 2))}
    state = update.init(jax.random.key(1), batch)
    gradient = jax.grad(lambda v: objective.loss(v, batch, jax.random.key(2))[0])(
        state.variables
    )
    new, metrics = update.step(state, batch)
    jax.tree.map(
        lambda p, g, q: np.testing.assert_allclose(p - 0.1 * g, q, atol=1e-6),
        state.variables,
        gradient,
        new.variables,
    )
    norm = np.sqrt(sum(float((g**2).sum()) for g in jax.tree.leaves(gradient)))
    np.testing.assert_allclose(metrics["gradient_norm"], norm, rtol=1e-5)


def test_changed_collections_are_taken_over():
    norm = nn.BatchNorm(momentum=0.0)

    def loss(variables, batch, key):
        y, new = norm.apply(variables, batch["x"], train=True, mutable=["batch_stats"])
        value = jnp.mean(y**2)
        return value, (new, {"loss": value})

    objective = Objective(lambda key, b: norm.init(key, b["x"], train=True), loss)
    update = gradient_descent(objective, optax.sgd(0.1))
    batch = {"x": 5 + jax.random.normal(jax.random.key(0), (8, 2))}
    state, _ = update.step(update.init(jax.random.key(1), batch), batch)
    moments = state.variables["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(moments["mean"], batch["x"].mean(0), rtol=1e-4)


def test_every_step_has_a_key_of_its_own():
    def loss(variables, batch, key):
        return variables["params"] * 0.0, ({}, {"loss": jax.random.uniform(key)})

    update = gradient_descent(
        Objective(lambda key, b: {"params": jnp.zeros(())}, loss), optax.sgd(0.1)
    )
    state, seen = update.init(jax.random.key(0), {}), []
    for t in range(3):
        expected = jax.random.uniform(jax.random.fold_in(state.key, t))
        state, metrics = update.step(state, {})
        np.testing.assert_array_equal(metrics["loss"], expected)
        seen.append(float(metrics["loss"]))
    assert len(set(seen)) == 3
