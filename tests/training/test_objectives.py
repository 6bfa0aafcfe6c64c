import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import nade
from genjax.base import Objective
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError
from genjax.training import accumulate, with_preprocessing
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
    assert not jnp.array_equal(first, second)
