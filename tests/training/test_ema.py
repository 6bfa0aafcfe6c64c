import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.base import TrainState, Update
from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.errors import InputError
from genjax.training import ensemble, gradient_descent, with_ema
from tests.laws.compare import assert_close


def counting():
    """Sets every float to the number of its step."""

    def init(key, batch):
        variables = {
            "params": jnp.zeros((), jnp.bfloat16),
            "batch_stats": jnp.zeros(()),
            "counts": jnp.zeros((), jnp.int32),
        }
        return TrainState(jnp.zeros((), jnp.int32), key, variables, ())

    def step(state, batch):
        t = state.step + 1
        new = jax.tree.map(lambda leaf: t.astype(leaf.dtype), state.variables)
        return state._replace(step=t, variables=new), {"loss": jnp.zeros(())}

    return Update(init, step)


def test_averages_follow_the_formula():
    update = with_ema(counting(), decay=0.5)
    state = update.init(jax.random.key(0), {})
    expected = 0.0
    for t in range(20):
        state, _ = update.step(state, {})
        d = min(0.5, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * (t + 1)
    average = state.evaluated
    np.testing.assert_allclose(average["params"], expected, rtol=1e-5)
    np.testing.assert_allclose(average["batch_stats"], expected, rtol=1e-5)
    assert average["params"].dtype == jnp.float32
    assert int(average["counts"]) == 20


def test_decay_must_be_below_one():
    with pytest.raises(InputError, match=r"in \[0, 1\), got 1"):
        with_ema(counting(), decay=1.0)


def test_one_average_is_enough():
    update = with_ema(with_ema(counting(), decay=0.5), decay=0.5)
    with pytest.raises(InputError, match="already keeps an average"):
        update.init(jax.random.key(0), {})


def test_the_runs_of_an_ensemble_are_averaged_as_single_ones():
    objective = negative_log_likelihood(diagonal_normal((3,)))
    update = gradient_descent(objective, optax.sgd(0.1))
    batch = {"x": jax.random.normal(jax.random.key(0), (8, 3))}
    together = with_ema(ensemble(update, 4), decay=0.9)
    alone = ensemble(with_ema(update, decay=0.9), 4)
    states = [jax.jit(u.init)(jax.random.key(1), batch) for u in (together, alone)]
    for _ in range(3):
        states = [
            jax.jit(u.step)(state, batch)[0]
            for u, state in zip((together, alone), states, strict=True)
        ]
    assert_close(states[0].average, states[1].average)
