import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.data import ArraySource, generated, on_device
from genjax.errors import InputError
from genjax.training import (
    data_parallel,
    device_mesh,
    fit,
    initialize,
    pmap,
    shard_batch,
    shard_pipeline,
)
from tests.laws.compare import assert_close
from tests.laws.instances import batch
from tests.laws.registry import UPDATES

devices = pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")


@devices
def test_a_whole_run_on_a_mesh_is_that_of_one_device():
    source = ArraySource({"x": np.asarray(batch(64)["x"])})
    pipeline = on_device(source, batch_size=16, seed=0)
    kwargs = {"key": jax.random.key(0), "steps": 6, "chunk": 3, "show_progress": False}
    update, mesh = UPDATES["nade"].method, device_mesh(8)
    alone = fit(update, pipeline, **kwargs)
    shared = fit(data_parallel(update, mesh), shard_pipeline(pipeline, mesh), **kwargs)
    assert_close(alone.variables, shared.variables, atol=1e-4)
    assert len(jax.tree.leaves(shared.variables)[0].sharding.device_set) == 8


@devices
def test_generated_batches_are_shared_too():
    def draw(key):
        return {"x": jax.random.bernoulli(key, 0.4, (16, 4)).astype("float32")}

    pipeline, mesh = generated(draw, seed=0), device_mesh(8)
    kwargs = {"key": jax.random.key(0), "steps": 4, "show_progress": False}
    alone = fit(UPDATES["nade"].method, pipeline, **kwargs)
    update = data_parallel(UPDATES["nade"].method, mesh)
    shared = fit(update, shard_pipeline(pipeline, mesh), **kwargs)
    assert_close(alone.variables, shared.variables, atol=1e-4)


@devices
def test_fully_sharded_state_is_spread_out():
    update = data_parallel(UPDATES["nade"].method, device_mesh(4), fully_sharded=True)
    x = {"x": np.asarray(batch()["x"]).repeat(4, axis=1)}
    state = update.init(jax.random.key(0), x)
    w = state.variables["params"]["network"]["W"]
    assert w.addressable_shards[0].data.size == w.size // 4
    state, _ = update.step(state, x)
    assert (
        state.variables["params"]["network"]["W"].addressable_shards[0].data.size
        == w.size // 4
    )


@devices
def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match=r"99 devices were asked for, but there are 8"):
        device_mesh(99)
    mesh = device_mesh(8)
    with pytest.raises(InputError, match="12 rows cannot be shared by 8 devices"):
        shard_batch({"x": np.zeros((12, 2))}, mesh)
    update = data_parallel(UPDATES["nade"].method, mesh)
    state = update.init(jax.random.key(0), batch())
    with pytest.raises(InputError, match="12 rows cannot be shared by 8 devices"):
        update.step(state, batch(12))
    mapped = pmap(UPDATES["nade"].method, 8)
    with pytest.raises(InputError, match="12 rows cannot be shared by 8 devices"):
        mapped.step(mapped.init(jax.random.key(0), batch()), batch(12))
    with pytest.raises(InputError, match="between 0 and processes - 1 = 1, got 2"):
        initialize("localhost:1", processes=2, process=2)


def unsynchronised():
    """An update that never averages what it computes from its rows."""
    inner = UPDATES["nade"].method

    def step(state, rows):
        def loss(params):
            return jnp.sum(jnp.square(params["bias"])) * jnp.mean(rows["x"])

        gradient = jax.grad(loss)(state.variables["params"])
        params = jax.tree.map(lambda p, g: p - g, state.variables["params"], gradient)
        new = state._replace(variables={"params": params}, step=state.step + 1)
        return new, {}

    return inner._replace(step=step)


@devices
def test_an_update_that_never_averages_is_refused():
    mapped = pmap(unsynchronised(), 8)
    state = mapped.init(jax.random.key(0), batch())
    with pytest.raises(InputError, match="variables/params/bias would differ between"):
        mapped.step(state, batch())
