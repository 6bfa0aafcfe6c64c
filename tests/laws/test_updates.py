import chex
import jax
import jax.numpy as jnp
import numpy as np

from genjax.training import (
    ensemble,
    scan_steps,
)
from tests.laws.compare import assert_close, over
from tests.laws.registry import OBJECTIVES, UPDATES

objectives, updates = over(OBJECTIVES), over(UPDATES)


@updates
def test_scanned_steps_are_single_steps(case):
    update = case.method
    batches = [case.batch(seed=i) for i in range(4)]
    step = jax.jit(update.step)
    start = single = jax.jit(update.init)(jax.random.key(0), batches[0])
    for one in batches:
        single, _ = step(single, one)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *batches)
    scanned = scan_steps(update)
    started = jax.eval_shape(scanned.init, jax.random.key(0), stacked)
    chex.assert_trees_all_equal_shapes_and_dtypes(started, start)
    state, metrics = jax.jit(scanned.step)(start, stacked)
    assert metrics["loss"].shape[0] == 4
    assert_close((single.step, single.variables), (state.step, state.variables))


@updates
def test_an_ensemble_is_its_single_runs(case):
    update = case.method
    together = ensemble(update, 3)
    state = jax.jit(together.init)(jax.random.key(0), case.batch())
    step, single_step = jax.jit(together.step), jax.jit(update.step)
    states = [
        jax.jit(update.init)(key, case.batch())
        for key in jax.random.split(jax.random.key(0), 3)
    ]
    for i in range(3):
        state, _ = step(state, case.batch(seed=i))
        states = [single_step(s, case.batch(seed=i))[0] for s in states]
    for i, single in enumerate(states):
        member = jax.tree.map(lambda leaf, i=i: leaf[i], state.variables)
        assert_close(member, single.variables)


@updates
def test_one_trace_a_run(case):
    update, traces = case.method, []

    def step(state, batch):
        traces.append(1)
        return update.step(state, batch)

    compiled = jax.jit(step)
    state = jax.jit(update.init)(jax.random.key(0), case.batch())
    for i in range(3):
        state, _ = compiled(state, case.batch(seed=i))
    assert len(traces) == 1


BLIND = [OBJECTIVES[k] for k in ("gan, generator", "gan of alike noise", "veegan")]
"""Generators whose losses see no data."""


@objectives
def test_bfloat16_parameters_stay_finite_and_nan_is_never_hidden(case):
    objective = case.method
    variables = jax.jit(objective.init)(jax.random.key(0), case.batch())
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables["params"])

    def loss(params, batch):
        return objective.loss({**variables, "params": params}, batch, jax.random.key(1))

    gradient = jax.jit(jax.grad(loss, has_aux=True))
    gradients, (_, metrics) = gradient(half, case.batch())
    assert metrics["loss"].dtype == jnp.float32
    for leaf in jax.tree.leaves(gradients):
        assert leaf.dtype == jnp.bfloat16
        assert np.isfinite(np.asarray(leaf, np.float32)).all()
    broken = jax.tree.map(with_nan, case.batch())
    seen = not np.isfinite(gradient(half, broken)[1][1]["loss"])
    assert seen == (case not in BLIND)


def with_nan(leaf):
    """The first example is NaN, where it is of numbers."""
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    leaf = np.array(leaf)
    leaf[0] = np.nan
    return leaf


@objectives
def test_forward_mode_and_second_order_are_there(case):
    batch, key = case.batch(), jax.random.key(1)

    def curvature(key):
        variables = case.method.init(key, batch)

        def loss(params):
            return case.method.loss({**variables, "params": params}, batch, key)[0]

        params = variables["params"]
        return jax.jvp(jax.grad(loss), (params,), (params,))[1]

    found = jax.eval_shape(curvature, key)
    assert jax.tree.leaves(found)
