import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.training import ensemble, scan_steps
from tests.laws.compare import assert_close, every_third, over
from tests.laws.registry import OBJECTIVES, UPDATES

objectives = over(OBJECTIVES)


@pytest.mark.parametrize("case", every_third(UPDATES))
def test_a_scanned_ensemble_is_its_single_steps_and_runs_traced_once(case):
    update, traces = case.method, []

    def step(state, batch):
        traces.append(1)
        return update.step(state, batch)

    init, step = jax.jit(update.init), jax.jit(step)
    batches = [case.batch(seed=i) for i in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *batches)
    together = ensemble(scan_steps(update), 2)
    states = jax.jit(together.init)(jax.random.key(0), stacked)
    states, metrics = jax.jit(together.step)(states, stacked)
    assert metrics["loss"].shape[:2] == (2, 3)
    for i, key in enumerate(jax.random.split(jax.random.key(0))):
        start = single = init(key, batches[0])
        for one in batches:
            single, _ = step(single, one)
        member = jax.tree.map(
            lambda leaf, i=i: np.asarray(leaf)[i], (states.step, states.variables)
        )
        assert_close((single.step, single.variables), member)
    chex.assert_trees_all_equal_shapes_and_dtypes(start, single)
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


OF_SEVERAL_ROWS = [
    OBJECTIVES[k] for k in ("accumulate", "mutual_information", "deep_infomax")
]
"""Objectives that compare or divide the rows of a batch."""


@pytest.mark.slow
@objectives
def test_a_batch_of_one_is_taken_or_refused(case):
    one, key = case.batch(1), jax.random.key(1)

    @jax.jit
    def loss_and_gradient(key):
        variables = case.method.init(key, one)

        def loss(params):
            return case.method.loss({**variables, "params": params}, one, key)[0]

        return jax.value_and_grad(loss)(variables["params"])

    if case in OF_SEVERAL_ROWS:
        with pytest.raises(InputError, match="batch"):
            loss_and_gradient(key)
    else:
        chex.assert_tree_all_finite(loss_and_gradient(key))


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
