import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.densities import (
    conditional_likelihood,
    conditional_normal,
    diagonal_normal,
    negative_log_likelihood,
)
from genjax.errors import InputError
from genjax.variables import part_of, updated
from tests.laws.instances import Noisy


def test_loss_is_the_mean_negative_log_prob():
    model = diagonal_normal((2,))
    objective = negative_log_likelihood(model)
    x = jax.random.normal(jax.random.key(0), (6, 2))
    variables = objective.init(jax.random.key(1), {"x": x})
    loss, (collections, metrics) = objective.loss(
        variables, {"x": x}, jax.random.key(2)
    )
    np.testing.assert_allclose(loss, -model.log_prob(variables, x).mean())
    assert collections == {}
    assert set(metrics) == {"loss", "nll"}


def test_a_batch_without_x_is_refused():
    objective = negative_log_likelihood(diagonal_normal((2,)))
    with pytest.raises(InputError, match=r"'x'.*\['image'\]"):
        objective.init(jax.random.key(0), {"image": jnp.zeros((1, 2))})


def test_a_field_that_nobody_reads_is_refused():
    objective = negative_log_likelihood(diagonal_normal((2,)))
    batch = {"x": jnp.zeros((1, 2)), "label": jnp.zeros(1)}
    with pytest.raises(InputError, match="nothing reads 'label'"):
        objective.init(jax.random.key(0), batch)


def test_the_objective_applies_a_network_with_statistics_and_dropout():
    model = conditional_normal(nn.MLP(features=4, hidden=()))
    objective = conditional_likelihood(model, Noisy(features=3))
    batch = {
        "x": jax.random.normal(jax.random.key(0), (16, 2)),
        "condition": 3 + jax.random.normal(jax.random.key(1), (16, 5)),
    }
    variables = objective.init(jax.random.key(2), batch)
    first, (changed, _) = objective.loss(variables, batch, jax.random.key(3))
    second, _ = objective.loss(variables, batch, jax.random.key(4))
    assert sorted(changed) == ["batch_stats"]
    assert float(first) != float(second)
    # What the density sees in evaluation is what the network says in evaluation.
    network = nn.as_network(Noisy(features=3), user="test")
    own = part_of(updated(variables, changed), "network")
    condition = network.apply(own, batch["condition"])
    inner = part_of(variables, "density")
    assert model.log_prob(inner, batch["x"], condition).shape == (16,)
