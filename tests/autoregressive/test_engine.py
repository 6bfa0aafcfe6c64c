import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import autoregressive, binary, fvsbn, uncached
from genjax.errors import InputError

KEY = jax.random.key(0)


def sums(variables, inputs, condition=None):
    """Each output is a multiple of the sum of the inputs before it."""
    return variables["params"] * (jnp.cumsum(inputs, axis=1) - inputs)


def init(key, inputs, condition=None):
    return {"params": jnp.ones(())}


def model():
    return autoregressive(uncached(init, sums), binary())


def test_the_likelihood_is_that_of_the_conditionals():
    x = jnp.array([[1.0, 1.0, 0.0]])
    bias = jnp.array([[0.1], [0.2], [-0.3]])
    params = {"params": {"bias": bias, "network": jnp.ones(())}}
    logits = np.array([0.1, 1.2, 1.7])
    p = 1 / (1 + np.exp(-logits))
    wanted = np.log(p[0] * p[1] * (1 - p[2]))
    np.testing.assert_allclose(model().log_prob(params, x), [wanted], rtol=1e-5)


def test_seeds_are_mapped_over():
    x = jnp.eye(3)
    seeds = jax.vmap(model().init, (0, None))(jax.random.split(KEY, 4), x)
    sample = jax.vmap(lambda params, key: model().sample(params, key, 5))
    drawn, log_prob = sample(seeds, jax.random.split(KEY, 4))
    assert drawn.shape == (4, 5, 3)
    assert log_prob.shape == (4, 5)


def test_what_is_observed_stays_and_what_is_missing_is_named():
    x = jnp.array([[1.0, 0.0, 1.0]])
    params = model().init(KEY, x)
    all_seen, log_prob = model().complete(params, KEY, x, np.ones(3, bool))
    np.testing.assert_array_equal(all_seen, x)
    assert float(log_prob[0]) == 0
    with pytest.raises(InputError, match="dimension 0 is missing before"):
        model().complete(params, KEY, x, np.array([False, True, False]))
    with pytest.raises(InputError, match=r"shape \(3,\), got \(2,\)"):
        model().complete(params, KEY, x, np.array([True, True]))
    with pytest.raises(InputError, match=r"vector \[b, 3\], got the shape \(1, 2\)"):
        model().log_prob(params, x[:, :2])


def test_a_single_dimension_is_its_marginal():
    x = jnp.array([[1.0], [0.0], [1.0], [1.0]])
    single = fvsbn()
    params = single.init(KEY, x)
    np.testing.assert_allclose(
        jnp.exp(single.log_prob(params, jnp.ones((1, 1)))), 4 / 6, rtol=1e-5
    )
    drawn, _ = single.sample(params, KEY, 7)
    assert drawn.shape == (7, 1)


def test_values_that_are_observed_are_checked_too():
    x = jnp.array([[0.5, 0.0, 7.0]])
    params = model().init(KEY, jnp.round(x[:, :2]).repeat(2, axis=1)[:, :3])
    with pytest.raises(InputError, match=r"got 0\.5 in column 0"):
        model().complete(params, KEY, x, np.array([True, False, False]))
    model().complete(params, KEY, x, np.zeros(3, bool))


def test_no_rows_are_a_sentence():
    params = model().init(KEY, jnp.eye(3))
    for call in (
        lambda: model().log_prob(params, jnp.zeros((0, 3))),
        lambda: model().sample(params, KEY, 0),
    ):
        with pytest.raises(InputError, match="at least one vector"):
            call()
