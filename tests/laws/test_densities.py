import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.autoregressive import nade
from tests.laws.registry import BINARY, PLANAR

binary = pytest.mark.parametrize("case", BINARY.values(), ids=BINARY.keys())
planar = pytest.mark.parametrize("case", PLANAR.values(), ids=PLANAR.keys())


def every_vector(dim):
    return jnp.array(list(itertools.product([0.0, 1.0], repeat=dim)))


def fitted(case):
    """Parameters away from any symmetric start."""
    vectors = every_vector(case.event[0])
    params = case.method.init(jax.random.key(0), vectors[::3])
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [
        a + jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)
    ]
    return vectors, jax.tree.unflatten(tree, moved)


@binary
def test_probabilities_of_all_vectors_sum_to_one(case):
    vectors, params = fitted(case)
    total = jnp.exp(case.method.log_prob(params, vectors)).sum()
    np.testing.assert_allclose(total, 1, atol=1e-5)


@binary
def test_samples_follow_log_prob(case):
    vectors, params = fitted(case)
    x, log_prob = case.method.sample(params, jax.random.key(2), 20_000)
    np.testing.assert_allclose(log_prob, case.method.log_prob(params, x), atol=1e-4)
    powers = 2 ** jnp.arange(x.shape[1])[::-1]
    states = (x.astype(jnp.int32) * powers[None]).sum(axis=1)
    counts = np.bincount(np.asarray(states), minlength=len(vectors))
    expected = np.asarray(jnp.exp(case.method.log_prob(params, vectors)), np.float64)
    often = expected * len(x) >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum()) * len(x)
    keep = wanted > 0
    wanted = wanted[keep] * observed[keep].sum() / wanted[keep].sum()
    assert stats.chisquare(observed[keep], wanted).pvalue > 1e-4


@pytest.mark.parametrize("name", ["bernoulli", "nade", "nade, relu"])
def test_completions_follow_the_exact_conditional(name):
    case = BINARY[name]
    vectors, params = fitted(case)
    observed = np.arange(6) < 3
    given = jnp.tile(jnp.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0])[None], (20_000, 1))
    x, log_prob = case.method.complete(params, jax.random.key(3), given, observed)
    np.testing.assert_array_equal(x[:, :3], given[:, :3])
    joint = jnp.exp(case.method.log_prob(params, vectors))
    matches = jnp.all(vectors[:, :3] == given[:1, :3], axis=1)
    conditional = joint[matches] / joint[matches].sum()
    expected = jnp.log(joint[matches].sum()) + log_prob
    np.testing.assert_allclose(case.method.log_prob(params, x), expected, atol=1e-4)
    states = (x[:, 3:] * jnp.array([[4.0, 2.0, 1.0]])).sum(axis=1).astype(int)
    counts = np.bincount(np.asarray(states), minlength=8)
    wanted = np.asarray(conditional, np.float64)
    wanted = wanted / wanted.sum() * counts.sum()
    assert stats.chisquare(counts, wanted).pvalue > 1e-4


@pytest.mark.parametrize("activation", [jax.nn.sigmoid, jax.nn.relu])
def test_autoregressive_order_is_respected(activation):
    model = nade(hidden=5, activation=activation)
    x = jax.random.bernoulli(jax.random.key(0), shape=(2, 6)).astype(jnp.float32)
    params = model.init(jax.random.key(1), x)

    def terms(x):
        heads = [model.log_prob(_head(params, d), x[None, :d])[0] for d in range(1, 7)]
        return jnp.diff(jnp.stack(heads), prepend=0.0)

    jacobian = jax.jacrev(terms)(x[0])
    assert jnp.all(jnp.triu(jacobian, 1) == 0)
    assert float(jnp.abs(jnp.tril(jacobian, -1)).sum()) > 0


def _head(params, dim):
    """The parameters of the first dimensions alone: NADE's marginals are NADEs."""
    return params | {name: params[name][:dim] for name in ("W", "V", "b")}


@planar
def test_integral_over_the_plane_is_one(case):
    points = 1600 if case.method is PLANAR["checkerboard"].method else 801
    ticks = (jnp.arange(points, dtype=jnp.float32) + 0.5) / points * 16 - 8
    grid = jnp.stack(jnp.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    params = case.method.init(jax.random.key(0), grid[::5000])
    if case.method is PLANAR["diagonal_normal"].method:
        params = {"mean": jnp.array([0.5, -0.5]), "log_scale": jnp.array([0.1, -0.3])}
    log_prob = jax.lax.map(
        lambda x: case.method.log_prob(params, x[None])[0], grid, batch_size=4096
    )
    np.testing.assert_allclose(
        jnp.exp(log_prob).sum() * (16 / points) ** 2, 1, atol=4e-3
    )


@planar
def test_samples_carry_their_log_prob(case):
    x = jax.random.normal(jax.random.key(0), (64, 2))
    params = case.method.init(jax.random.key(1), x)
    y, log_prob = case.method.sample(params, jax.random.key(2), 500)
    np.testing.assert_allclose(log_prob, case.method.log_prob(params, y), atol=1e-3)


@binary
def test_gradients_are_finite_at_extremes(case):
    vectors, params = fitted(case)
    extreme = jax.tree.map(lambda leaf: leaf * 1e3, params)

    def loss(params):
        return case.method.log_prob(params, vectors).mean()

    for leaf in jax.tree.leaves(jax.grad(loss)(extreme)):
        assert jnp.all(jnp.isfinite(leaf))
