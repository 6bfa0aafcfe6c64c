from functools import cache

import jax
import jax.numpy as jnp
import optax
import pytest

from genjax.base import Update
from genjax.training import (
    data_parallel,
    device_mesh,
    gradient_descent,
    pmap,
)
from tests.laws.compare import assert_close, every_third, replicated
from tests.laws.registry import OBJECTIVES

devices = pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")


def record_gradients():
    """An optimiser that moves nothing and keeps the raw gradients as its state."""

    def update(gradients, state, params=None):
        return jax.tree.map(jnp.zeros_like, gradients), gradients

    return optax.GradientTransformation(
        lambda params: jax.tree.map(jnp.zeros_like, params), update
    )


@cache
def recorded(case):
    """One device's update, compiled, whose optimiser state is the raw gradient."""
    update = gradient_descent(case.method, record_gradients())
    return Update(jax.jit(update.init), jax.jit(update.step))


def started(update, batch):
    return update.init(jax.random.key(0), batch(32, seed=0))


def gradients_from(state, update, batch):
    return update.step(state, batch(32, seed=1))[0].opt_state


def raw_gradients(update, batch):
    return gradients_from(started(update, batch), update, batch)


@devices
@pytest.mark.parametrize("case", every_third(OBJECTIVES))
def test_raw_gradients_on_a_mesh_are_those_of_one_device(case):
    single, mesh = recorded(case), device_mesh(8)
    state = started(single, case.batch)
    shared = data_parallel(single, mesh)
    shared = gradients_from(replicated(state, mesh), shared, case.batch)
    assert_close(gradients_from(state, single, case.batch), shared)


@devices
@pytest.mark.parametrize(
    "name", ["nade", "realnvp", "simclr", "elbo", "detector", "gan that infers"]
)
def test_so_they_are_where_parameters_are_sharded_too(name):
    case = OBJECTIVES[name]
    single = recorded(case)
    shared = data_parallel(single, device_mesh(8), fully_sharded=True)
    assert_close(raw_gradients(single, case.batch), raw_gradients(shared, case.batch))


@devices
@pytest.mark.parametrize("case", every_third(OBJECTIVES))
def test_raw_gradients_by_pmap_are_means_of_each_devices_own(case):
    objective, single = case.method, recorded(case)
    shared = raw_gradients(pmap(single, 8), case.batch)
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
    assert_close(mean, shared)


@devices
def test_a_mean_over_examples_has_by_pmap_the_gradient_of_one_device():
    case = OBJECTIVES["nade"]
    single = recorded(case)
    shared = raw_gradients(pmap(single, 8), case.batch)
    assert_close(raw_gradients(single, case.batch), shared)
