import jax
import jax.numpy as jnp
import optax
import pytest

from genjax.base import TrainState
from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.errors import InputError
from genjax.training import (
    Checkpoints,
    gradient_descent,
    load_variables,
    read_config,
    save_variables,
)
from tests.laws.compare import assert_equal
from tests.laws.instances import batch
from tests.laws.registry import UPDATES

KEY = jax.random.key(0)
ADAM = UPDATES["with_ema"].method


def trained():
    state = jax.jit(ADAM.init)(KEY, batch())
    return jax.jit(ADAM.step)(state, batch())[0]


def test_variables_go_through_a_file(tmp_path):
    state, path = trained(), tmp_path / "model.safetensors"
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), state.evaluated)
    for variables in (state.evaluated, half):
        save_variables(path, variables, config={"hidden": 8, "name": "a/b"})
        template = jax.tree.map(jnp.zeros_like, variables)
        assert_equal(load_variables(path, template), variables)
    assert read_config(path) == {"hidden": 8, "name": "a/b"}
    scalar = {"params": {"scale": jnp.float32(3.0)}}
    save_variables(path, scalar)
    assert_equal(load_variables(path, scalar), scalar)
    twice = {"a/b": jnp.ones(1), "a": {"b": jnp.ones(1)}}
    for wrong, sentence in ((twice, "have one name"), ({"k": KEY}, "leaf k is a key")):
        with pytest.raises(InputError, match=sentence):
            save_variables(path, wrong)


def test_other_leaves_are_named_with_both_shapes(tmp_path):
    path = tmp_path / "model.safetensors"
    save_variables(path, {"params": {"w": jnp.ones(2), "b": jnp.ones(1)}})
    wanted = {"params": {"w": jnp.ones((3, 2)), "c": jnp.ones(1)}}
    with pytest.raises(InputError) as error:
        load_variables(path, wanted)
    for part in ("w is float32(2,) and should be float32(3, 2)", "c is missing and"):
        assert part in str(error.value)
    for content in (b"", b"no tensors at all", path.read_bytes()[:-3]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no file of variables"):
            load_variables(path, wanted)
    with pytest.raises(InputError, match="config must be JSON"):
        save_variables(path, {}, config={"rate": jnp.ones(2)})


@pytest.mark.parametrize("is_averaged", [True, False])
def test_a_checkpoint_gives_its_variables_to_any_optimiser(is_averaged, tmp_path):
    state = trained()
    state = state if is_averaged else state._replace(average=None)
    template = jax.tree.map(jnp.zeros_like, state.variables)
    with Checkpoints(tmp_path, config={}) as checkpoints:
        checkpoints.save(3, state)
        checkpoints.wait()
        assert_equal(checkpoints.restore_variables(template), state.evaluated)
        wrong = {"params": {"w": jnp.ones(3)}}
        with pytest.raises(InputError, match="params/w is missing and should"):
            checkpoints.restore_variables(wrong)


def test_a_state_of_another_optimiser_is_told_by_its_leaves(tmp_path):
    objective, x = negative_log_likelihood(diagonal_normal((2,))), jnp.ones((3, 2))
    first = gradient_descent(objective, optax.adam(0.1)).init(KEY, {"x": x})
    other = gradient_descent(objective, optax.sgd(0.1))
    with Checkpoints(tmp_path, config={}) as checkpoints:
        checkpoints.save(1, first)
        checkpoints.wait()
        with pytest.raises(InputError, match=r"opt_state/0/count is int32\(\) and sh"):
            checkpoints.restore(other.init(KEY, {"x": x}))
        eager = gradient_descent(objective, optax.adam(0.1)).init
        template = eager(jax.random.key(1), {"x": x})
        assert isinstance(checkpoints.restore(template), TrainState)
