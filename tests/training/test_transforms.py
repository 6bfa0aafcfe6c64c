import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.benchmarks.training_loop import seeds_ratios
from genjax.autoregressive import nade
from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.training import (
    ensemble,
    gradient_descent,
    scan_steps,
    skip_nonfinite,
    sweep,
    with_ema,
)
from tests.laws.compare import assert_close, assert_equal
from tests.laws.instances import batch

OBJECTIVE = negative_log_likelihood(nade(hidden=5))


def test_a_sweep_is_its_single_runs():
    settings = {"rate": jnp.array([0.01, 0.1]), "decay": jnp.array([0.0, 0.3])}

    def make(setting):
        optimizer = optax.adamw(setting["rate"], weight_decay=setting["decay"])
        return gradient_descent(OBJECTIVE, optimizer)

    swept = sweep(make, settings)
    step, state = jax.jit(swept.step), swept.init(jax.random.key(0), batch())
    for i in range(3):
        state, _ = step(state, batch(seed=i))
    for j in range(2):
        single = make(jax.tree.map(lambda leaf, j=j: leaf[j], settings))
        step, alone = jax.jit(single.step), single.init(jax.random.key(0), batch())
        for i in range(3):
            alone, _ = step(alone, batch(seed=i))
        member = jax.tree.map(lambda leaf, j=j: leaf[j], state.variables)
        assert_close(member, alone.variables)


def test_a_bad_step_changes_nothing_but_its_number():
    update = skip_nonfinite(gradient_descent(OBJECTIVE, optax.adam(0.1)))
    state = update.init(jax.random.key(0), batch())
    bad = {"x": batch()["x"].at[0, 0].set(jnp.nan)}
    step = jax.jit(update.step)
    after, metrics = step(state, bad)
    assert float(metrics["skipped"]) == 1
    assert int(after.step) == 1
    assert_equal(after._replace(step=state.step), state)
    after, metrics = step(after, batch())
    assert float(metrics["skipped"]) == 0


def test_eight_seeds_cost_at_most_a_third_of_eight_runs():
    """Whole runs, as a user pays for them: tracing, compilation and steps."""
    ratios = seeds_ratios(runs=4)
    assert min(ratios) <= 1 / 3, ratios


def test_each_run_of_an_ensemble_is_skipped_on_its_own():
    update = skip_nonfinite(ensemble(gradient_descent(OBJECTIVE, optax.sgd(0.1)), 3))
    state = jax.jit(update.init)(jax.random.key(0), batch())
    broken = jax.tree.map(lambda leaf: leaf.at[1].set(jnp.nan), state.variables)
    state = state._replace(variables=broken)
    new, metrics = jax.jit(update.step)(state, batch())
    assert metrics["skipped"].tolist() == [0.0, 1.0, 0.0]
    for before, after in zip(
        *map(jax.tree.leaves, (state.variables, new.variables)), strict=True
    ):
        moved = [bool((before[i] != after[i]).any()) for i in (0, 2)]
        assert moved == [True, True]
        assert np.isnan(after[1]).all()


TRANSFORMS = {
    "with_ema": lambda update: with_ema(update, decay=0.9),
    "skip_nonfinite": skip_nonfinite,
    "ensemble": lambda update: ensemble(update, 2),
    "sweep": lambda update: sweep(lambda _: update, jnp.arange(2.0)),
}


NESTED = [
    (outer, inner)
    for outer in TRANSFORMS
    for inner in TRANSFORMS
    if (outer, inner) != ("with_ema", "with_ema")
]


@pytest.mark.parametrize(("outer", "inner"), NESTED)
def test_transforms_nest_for_ten_thousand_steps(outer, inner):
    steps = 10_000
    plain = gradient_descent(
        negative_log_likelihood(diagonal_normal((2,))), optax.adam(1e-3)
    )
    update = TRANSFORMS[outer](TRANSFORMS[inner](plain))
    x = np.random.default_rng(0).normal(size=(steps, 8, 2)).astype(np.float32)
    is_skipping = "skip_nonfinite" in (outer, inner)
    if is_skipping:
        x[7, 0, 0] = np.nan
    scanned = scan_steps(update)
    state = jax.jit(scanned.init)(jax.random.key(0), {"x": x[1:]})
    state, metrics = jax.jit(scanned.step)(state, {"x": x})
    assert np.all(state.step == steps)
    for leaf in jax.tree.leaves(state.evaluated):
        assert np.isfinite(leaf).all()
    if is_skipping:
        skipped = np.asarray(metrics["skipped"], int).reshape(steps, -1)
        assert skipped[7].all()
        assert skipped.sum() == skipped[7].sum()
