import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax import nn
from genjax.autoregressive import nade
from genjax.densities import (
    conditional_bernoulli,
    conditional_normal,
    conditional_one_hot,
    embed_condition,
    standard_normal,
)
from genjax.errors import InputError

CONDITION = jax.random.normal(jax.random.key(1), (5, 3))


def network(features):
    return nn.MLP(features=features, hidden=(8,), activation=jax.nn.silu)


def test_the_normal_is_scipys():
    density = conditional_normal(network(4))
    x = jax.random.normal(jax.random.key(0), (5, 2))
    params = density.init(jax.random.key(2), x, CONDITION)
    raw = network(4).apply(params, CONDITION)
    mean, log_scale = np.split(np.asarray(raw), 2, axis=1)
    scale = np.exp(7 * np.tanh(log_scale / 7))
    wanted = stats.norm(mean, scale).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(
        density.log_prob(params, x, CONDITION), wanted, atol=1e-4
    )
    fixed = conditional_normal(network(2), scale=0.5)
    params = fixed.init(jax.random.key(2), x, CONDITION)
    mean = network(2).apply(params, CONDITION)
    wanted = stats.norm(mean, 0.5).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(fixed.log_prob(params, x, CONDITION), wanted, atol=1e-4)


DENSITIES = {
    "normal": conditional_normal(network(8)),
    "bernoulli": conditional_bernoulli(network(4)),
    "nade": nade(hidden=5),
    "embedded": embed_condition(nade(hidden=5), network(6)),
}


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES.keys())
def test_samples_carry_their_log_prob_and_conditions_matter(density):
    x = jnp.eye(5)[:, :4]
    params = density.init(jax.random.key(0), x, CONDITION)
    y, log_prob = density.sample(params, jax.random.key(1), 5, CONDITION)
    np.testing.assert_allclose(
        log_prob, density.log_prob(params, y, CONDITION), atol=1e-4
    )
    other = density.log_prob(params, y, CONDITION + 1)
    assert float(np.abs(other - log_prob).max()) > 1e-3


@pytest.mark.parametrize("name", ["bernoulli", "nade", "embedded"])
def test_conditional_probabilities_sum_to_one(name):
    density = DENSITIES[name]
    vectors = jnp.array(list(itertools.product([0.0, 1.0], repeat=4)))
    rows = jnp.tile(CONDITION[:1], (16, 1))
    params = density.init(jax.random.key(0), vectors, rows)
    total = jnp.exp(density.log_prob(params, vectors, rows)).sum()
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_bad_input_is_a_sentence():
    density = DENSITIES["normal"]
    x = jnp.zeros((5, 4))
    with pytest.raises(InputError, match="needs a condition"):
        density.init(jax.random.key(0), x)
    params = density.init(jax.random.key(0), x, CONDITION)
    with pytest.raises(InputError, match=r"parameters for \(5, 4\), but"):
        density.log_prob(params, jnp.zeros((5, 3)), CONDITION)
    with pytest.raises(InputError, match="n = 2, but there are 5 rows"):
        density.sample(params, jax.random.key(0), 2, CONDITION)
    odd = conditional_normal(network(3))
    params = odd.init(jax.random.key(0), x, CONDITION)
    with pytest.raises(InputError, match="even number of features, got 3"):
        odd.log_prob(params, x, CONDITION)
    with pytest.raises(InputError, match="nade: the model was initialised with"):
        nade(hidden=3).log_prob(nade(hidden=3).init(jax.random.key(0), x), x, CONDITION)
    assert standard_normal((2,)).init(jax.random.key(0), x) == {"params": {}}


def test_one_hot_probabilities_are_the_softmax_and_sum_to_one():
    classifier = network(3)
    density = conditional_one_hot(classifier)
    condition = jnp.broadcast_to(jax.random.normal(jax.random.key(1), (1, 4)), (3, 4))
    params = density.init(jax.random.key(0), jnp.eye(3), condition)
    found = density.log_prob(params, jnp.eye(3), condition)
    logits = classifier.apply(params, condition)
    np.testing.assert_allclose(found, jax.nn.log_softmax(logits[0]), rtol=1e-5)
    np.testing.assert_allclose(jnp.sum(jnp.exp(found)), 1.0, rtol=1e-6)
