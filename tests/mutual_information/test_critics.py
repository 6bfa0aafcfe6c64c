import jax
import numpy as np
import optax

from genjax import nn
from genjax.mutual_information import (
    correlated_normals,
    estimation,
    infonce,
    separable_critic,
)
from genjax.training import gradient_descent


def test_scores_are_inner_products():
    first, second = nn.MLP(features=4, hidden=(8,)), nn.MLP(features=4, hidden=(3,))
    critic = separable_critic(first, second)
    x = jax.random.normal(jax.random.key(0), (5, 2))
    y = jax.random.normal(jax.random.key(1), (5, 3))
    variables = critic.init(jax.random.key(2), x, y)
    params = variables["params"]
    g = first.apply({"params": params["first"]}, x)
    h = second.apply({"params": params["second"]}, y)
    np.testing.assert_allclose(
        critic.apply(variables, x, y), np.asarray(g) @ np.asarray(h).T, atol=1e-5
    )


def test_training_approaches_the_truth_from_below():
    task = correlated_normals(dim=2, mutual_information=1.0)
    network = nn.MLP(features=8, hidden=(32,))
    objective = estimation(separable_critic(network, network), infonce)
    update = gradient_descent(objective, optax.adam(5e-3))

    def batch(key):
        x, y = task.sample(key, 128)
        return {"x": x, "y": y}

    state = update.init(jax.random.key(0), batch(jax.random.key(1)))
    keys = jax.random.split(jax.random.key(2), 600)
    _, metrics = jax.jit(
        lambda state, keys: jax.lax.scan(
            lambda s, k: update.step(s, batch(k)), state, keys
        )
    )(state, keys)
    found = float(metrics["mutual_information"][-100:].mean())
    assert 0.8 < found < 1.02
