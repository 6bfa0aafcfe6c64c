import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from genjax.errors import InputError
from genjax.perceptron import (
    count_threshold_functions,
    novikoff_bound,
    separating_direction,
    train_perceptron,
)


def corners(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


@pytest.mark.parametrize(("n", "count"), [(1, 4), (2, 14), (3, 104)])
def test_threshold_functions_are_counted(n, count):
    assert count_threshold_functions(corners(n), use_bias=True) == count


@pytest.mark.parametrize(("n", "count"), [(2, 4), (3, 14)])
def test_without_a_bias_few_are_left_and_with_the_origin_none(n, count):
    assert count_threshold_functions(2 * corners(n) - 1, use_bias=False) == count
    assert count_threshold_functions(corners(n), use_bias=False) == 0


def test_xor_is_infeasible_both_ways():
    signs, xor = 2 * corners(2) - 1, np.array([-1, 1, 1, -1])
    for use_bias in (True, False):
        assert separating_direction(signs, xor, use_bias=use_bias) is None
        trained = train_perceptron(
            jnp.asarray(signs, jnp.float32),
            jnp.asarray(xor, jnp.float32),
            use_bias=use_bias,
            most_passes=20,
        )
        assert not trained.converged


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_separable_points_are_learnt_within_the_bound(seed):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=3)
    x = rng.normal(size=(30, 3))
    margin = x @ w / np.linalg.norm(w)
    x, y = x[np.abs(margin) > 0.2], np.sign(margin[np.abs(margin) > 0.2])
    x, y = (np.concatenate([v, v[:1].repeat(30 - len(v), axis=0)]) for v in (x, y))
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    trained = TRAIN(x, y)
    assert trained.converged
    assert np.all(y * (x @ trained.w + trained.b) > 0)
    bound = novikoff_bound(x, y, jnp.asarray(w, jnp.float32))
    assert int(trained.mistakes) <= float(bound)


TRAIN = jax.jit(lambda x, y: train_perceptron(x, y, use_bias=False))


def test_a_bias_is_a_constant_feature():
    x = jax.random.normal(jax.random.key(0), (20, 2)) + 3
    y = jnp.sign(x[:, 0] - 3)
    plain = train_perceptron(x, y, use_bias=True)
    extended = jnp.concatenate([x, jnp.ones((20, 1))], axis=1)
    lifted = train_perceptron(extended, y, use_bias=False)
    np.testing.assert_array_equal(jnp.append(plain.w, plain.b), lifted.w)
    assert plain.mistakes == lifted.mistakes


def test_the_bound_is_infinite_for_what_does_not_separate():
    x, y = jnp.array([[1.0], [2.0]]), jnp.array([1.0, -1.0])
    assert novikoff_bound(x, y, jnp.array([1.0])) == jnp.inf
    with pytest.raises(InputError, match="sides must be -1 or 1, got 0"):
        separating_direction(np.ones((2, 1)), np.array([0, 1]), use_bias=True)
