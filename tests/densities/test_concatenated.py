import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.densities import (
    concatenated,
    conditional_normal,
    conditional_one_hot,
    standard_normal,
    uniform,
    uniform_one_hot,
)
from genjax.errors import InputError


def test_the_log_probability_is_the_sum_of_the_parts():
    density = concatenated((standard_normal((2,)), 2), (uniform((1,), high=2.0), 1))
    x = jnp.array([[0.3, -1.0, 0.5], [0.0, 0.0, 3.0]])
    wanted = standard_normal((2,)).log_prob({}, x[:, :2]) - jnp.log(2.0)
    found = density.log_prob({}, x)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-6)
    assert found[1] == -jnp.inf


def test_samples_come_with_their_log_probability():
    density = concatenated((uniform_one_hot(3), 3), (standard_normal((2,)), 2))
    x, log_prob = density.sample({}, jax.random.key(0), 5)
    np.testing.assert_allclose(density.log_prob({}, x), log_prob, rtol=1e-6)


def test_a_condition_goes_to_every_part():
    density = concatenated(
        (conditional_one_hot(nn.MLP(features=3, hidden=())), 3),
        (conditional_normal(nn.MLP(features=4, hidden=())), 2),
    )
    x, condition = jnp.eye(5)[:3], jax.random.normal(jax.random.key(1), (3, 4))
    params = density.init(jax.random.key(0), x, condition)
    drawn, log_prob = density.sample(params, jax.random.key(2), 3, condition)
    np.testing.assert_allclose(
        density.log_prob(params, drawn, condition), log_prob, rtol=1e-5
    )


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="at least one part"):
        concatenated()
    density = concatenated((uniform_one_hot(3), 3))
    with pytest.raises(InputError, match=r"must have 3 numbers, got the shape \(2,\)"):
        inspect.unwrap(density.log_prob)({}, jnp.ones((1, 2)))
