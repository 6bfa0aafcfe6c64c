from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.isotonic import isotonic_regression

from genjax.errors import InputError
from genjax.smooth import isotonic, soft_rank, soft_sort


def test_published_values():
    x = jnp.array([5.0, 1.0, 2.0])
    np.testing.assert_allclose(soft_sort(x, tau=1.0), [5 / 3, 8 / 3, 11 / 3], atol=1e-6)
    np.testing.assert_allclose(soft_rank(x, tau=2.0), [3, 1.25, 1.75], atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 17, 4096])
def test_isotonic_regression_is_scikit_learns(n):
    rng = np.random.default_rng(n)
    y = (np.sort(rng.normal(size=(3, n)))[:, ::-1] + rng.normal(size=(3, n))).astype(
        np.float32
    )
    wanted = [isotonic_regression(row.astype(float), increasing=False) for row in y]
    np.testing.assert_allclose(isotonic(jnp.asarray(y)), wanted, atol=2e-6)


def projection(z, w):
    """Onto the permutahedron of `w`, by a generic solver over its vertices."""
    import itertools

    vertices = np.array(list(itertools.permutations(w)))

    def objective(weights):
        return ((weights @ vertices - z) ** 2).sum()

    start = np.full(len(vertices), 1 / len(vertices))
    found = minimize(
        objective,
        start,
        bounds=[(0, 1)] * len(vertices),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return found.x @ vertices


@pytest.mark.parametrize("tau", [0.2, 1.0, 5.0])
def test_both_are_projections_onto_the_permutahedron(tau):
    x = np.random.default_rng(3).normal(size=4)
    ramp = np.arange(1.0, 5.0)
    found = soft_sort(jnp.asarray(x, jnp.float32), tau=tau)
    np.testing.assert_allclose(found, projection(ramp / tau, x), atol=2e-4)
    found = soft_rank(jnp.asarray(x, jnp.float32), tau=tau)
    np.testing.assert_allclose(found, projection(x / tau, ramp), atol=2e-4)


def test_limits_and_sums():
    ramp = jnp.tile(jnp.linspace(-2.0, 2.0, 40)[None], (6, 1))
    x = jax.random.permutation(jax.random.key(0), ramp, axis=1, independent=True)
    np.testing.assert_allclose(soft_sort(x, tau=1e-3), jnp.sort(x, axis=1), atol=1e-5)
    ranks = jnp.argsort(jnp.argsort(x, axis=1), axis=1) + 1
    np.testing.assert_allclose(soft_rank(x, tau=1e-4), ranks, atol=1e-3)
    np.testing.assert_allclose(soft_rank(x, tau=0.7).sum(axis=1), 820, rtol=1e-5)
    np.testing.assert_allclose(
        soft_sort(x, tau=0.7).sum(axis=1), x.sum(axis=1), atol=1e-4
    )
    np.testing.assert_allclose(
        soft_sort(x, tau=1e5),
        jnp.broadcast_to(x.mean(axis=1)[:, None], x.shape),
        atol=1e-2,
    )


@pytest.mark.parametrize("function", [soft_sort, soft_rank])
def test_gradients_are_exact_and_batches_are_rows(function):
    x = jax.random.normal(jax.random.key(0), (4, 9))
    weights = jnp.arange(9.0)
    soften = jax.jit(partial(function, tau=0.8))

    def value(row):
        return soften(row) @ weights

    row, step = x[0], 1e-3 * jnp.eye(9)
    gradient = jax.grad(value)(row)
    values = jax.vmap(value)(jnp.concatenate([row[None] + step, row[None] - step]))
    np.testing.assert_allclose(gradient, (values[:9] - values[9:]) / 2e-3, atol=2e-2)
    np.testing.assert_allclose(jax.jacfwd(value)(row), gradient, atol=1e-5)
    rows = [soften(row) for row in x]
    for whole in (
        function(x, tau=0.8),
        jax.vmap(soften)(x),
        jax.vmap(jax.vmap(soften))(x[None])[0],
    ):
        np.testing.assert_allclose(whole, jnp.stack(rows), atol=1e-6)
    by_rows = jax.vmap(jax.grad(value))(x)
    wanted = jax.grad(lambda x: jnp.sum(soften(x) @ weights))(x)
    np.testing.assert_allclose(by_rows, wanted, atol=1e-5)


def test_bad_input_is_a_sentence_and_ties_are_finite():
    with pytest.raises(InputError, match="soft_sort: tau must be positive, got -1"):
        soft_sort(jnp.ones(3), tau=-1.0)
    with pytest.raises(InputError, match=r"nothing to order in the shape \(0,\)"):
        soft_rank(jnp.zeros(0))
    np.testing.assert_allclose(soft_rank(jnp.ones(3)), 2.0)
    large = jnp.array([0.0, 1e4, 1e4])
    np.testing.assert_allclose(soft_rank(large, tau=1e-4), [1, 2.5, 2.5])
    gradient = jax.grad(lambda x: soft_rank(x)[0])(jnp.full(3, 1e4))
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("tau", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("compiled", [False, True])
def test_small_temperatures_are_the_hard_limit_to_the_last_digit(tau, compiled):
    x = jnp.asarray(np.random.default_rng(0).normal(size=1024), jnp.float32)
    sort, rank = partial(soft_sort, tau=tau), partial(soft_rank, tau=tau)
    if compiled:
        sort, rank = jax.jit(sort), jax.jit(rank)
    # Every gap of the places, 1 / tau, is larger than the range of x.
    np.testing.assert_array_equal(sort(x), jnp.sort(x))
    apart = 1e4 * jnp.argsort(x).astype(jnp.float32)
    np.testing.assert_array_equal(rank(apart), jnp.argsort(jnp.argsort(apart)) + 1)


def test_half_precision_is_sorted_in_float32():
    x = np.random.default_rng(0).normal(size=10)
    half = jnp.asarray(x, jnp.bfloat16)
    np.testing.assert_array_equal(
        soft_sort(half, tau=1e-3), np.sort(np.asarray(half, np.float32))
    )
    np.testing.assert_allclose(soft_rank(jnp.zeros(1000, jnp.float16)), 500.5)
    assert float(soft_rank(jnp.arange(4000, dtype=jnp.float32), tau=1e-3).max()) == 4000
