import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.errors import InputError


def test_loss_is_the_mean_negative_log_prob():
    model = diagonal_normal((2,))
    objective = negative_log_likelihood(model)
    x = jax.random.normal(jax.random.key(0), (6, 2))
    variables = objective.init(jax.random.key(1), {"x": x})
    loss, (collections, metrics) = objective.loss(variables, {"x": x}, None)
    np.testing.assert_allclose(loss, -model.log_prob(variables["params"], x).mean())
    assert collections == {}
    assert set(metrics) == {"loss", "nll"}


def test_a_batch_without_x_is_refused():
    objective = negative_log_likelihood(diagonal_normal((2,)))
    with pytest.raises(InputError, match=r"'x'.*\['image'\]"):
        objective.init(jax.random.key(0), {"image": jnp.zeros((1, 2))})
