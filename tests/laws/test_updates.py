import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.base import Update
from genjax.training import (
    data_parallel,
    device_mesh,
    ensemble,
    gradient_descent,
    pmap,
    scan_steps,
)
from tests.laws.registry import OBJECTIVES, UPDATES


def over(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


objectives, updates = over(OBJECTIVES), over(UPDATES)
separable = over({k: case for k, case in OBJECTIVES.items() if not case.couples})
devices = pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")


def record_gradients():
    """An optimiser that moves nothing and keeps the raw gradients as its state."""

    def update(gradients, state, params=None):
        return jax.tree.map(jnp.zeros_like, gradients), gradients

    return optax.GradientTransformation(
        lambda params: jax.tree.map(jnp.zeros_like, params), update
    )


def recorded(case):
    """One device's update, compiled, whose optimiser state is the raw gradient."""
    update = gradient_descent(case.make(), record_gradients())
    return Update(jax.jit(update.init), jax.jit(update.step))


def raw_gradients(update, batch):
    state = update.init(jax.random.key(0), batch(32, seed=0))
    return update.step(state, batch(32, seed=1))[0].opt_state


def assert_close(tree, other, atol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=1e-5), tree, other
    )


def assert_equal(tree, other):
    def compare(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    jax.tree.map(compare, tree, other)


@devices
@objectives
@pytest.mark.parametrize("fully_sharded", [False, True])
def test_raw_gradients_on_a_mesh_are_those_of_one_device(case, fully_sharded):
    single = recorded(case)
    shared = data_parallel(single, device_mesh(8), fully_sharded=fully_sharded)
    assert_close(raw_gradients(single, case.batch), raw_gradients(shared, case.batch))


@devices
@objectives
def test_raw_gradients_by_pmap_are_means_of_each_devices_own(case):
    objective, single = case.make(), recorded(case)
    replicas = raw_gradients(pmap(single, 8), case.batch)
    state, batch = single.init(jax.random.key(0), case.batch(32)), case.batch(32, 1)

    @jax.jit
    def gradient(params, rows, key):
        others = {k: v for k, v in state.variables.items() if k != "params"}
        return jax.grad(
            lambda params: objective.loss({"params": params, **others}, rows, key)[0]
        )(params)

    def of_device(i):
        key = jax.random.fold_in(jax.random.fold_in(state.key, 0), i)
        rows = jax.tree.map(lambda leaf: leaf[4 * i : 4 * i + 4], batch)
        return gradient(state.variables["params"], rows, key)

    each = [of_device(i) for i in range(8)]
    mean = jax.tree.map(lambda *leaves: sum(leaves) / 8, *each)
    for replica in (0, 7):
        assert_close(mean, jax.tree.map(lambda g, i=replica: g[i], replicas))


@devices
@separable
def test_raw_gradients_by_pmap_are_those_of_one_device(case):
    single = recorded(case)
    replicas = raw_gradients(pmap(single, 8), case.batch)
    first = jax.tree.map(lambda g: g[0], replicas)
    assert_close(raw_gradients(single, case.batch), first)


@updates
def test_scanned_steps_are_single_steps(case):
    update = case.make()
    batches = [case.batch(seed=i) for i in range(4)]
    start, step = jax.jit(update.init), jax.jit(update.step)
    single = start(jax.random.key(0), batches[0])
    for one in batches:
        single, _ = step(single, one)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches)
    scanned = scan_steps(update)
    state, metrics = jax.jit(scanned.step)(
        jax.jit(scanned.init)(jax.random.key(0), stacked), stacked
    )
    assert metrics["loss"].shape[0] == 4
    assert_close((single.step, single.variables), (state.step, state.variables))


@updates
def test_an_ensemble_is_its_single_runs(case):
    update = case.make()
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
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], state.variables)
        assert_close(mine, single.variables)


@updates
def test_one_trace_a_run(case):
    update, traces = case.make(), []

    def step(state, batch):
        traces.append(1)
        return update.step(state, batch)

    compiled = jax.jit(step)
    state = jax.jit(update.init)(jax.random.key(0), case.batch())
    for i in range(3):
        state, _ = compiled(state, case.batch(seed=i))
    assert len(traces) == 1


@objectives
def test_bfloat16_parameters_stay_finite(case):
    objective = case.make()
    variables = jax.jit(objective.init)(jax.random.key(0), case.batch())
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables)

    def loss(params):
        return objective.loss(
            variables | {"params": params}, case.batch(), jax.random.key(1)
        )

    gradients, (_, metrics) = jax.grad(loss, has_aux=True)(half["params"])
    assert metrics["loss"].dtype == jnp.float32
    for leaf in jax.tree.leaves(gradients):
        assert leaf.dtype == jnp.bfloat16
        assert jnp.all(jnp.isfinite(leaf.astype(jnp.float32)))


@updates
def test_every_step_compiles_for_tpu(case, tpu_mesh):
    update = case.make()
    shared = data_parallel(update, tpu_mesh)
    shapes = jax.eval_shape(update.init, jax.random.key(0), case.batch(16))
    compiled = shared.step.lower(shapes, case.batch(16)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes >= 0
    assert "all-reduce" in compiled.as_text()
