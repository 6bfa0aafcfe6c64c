import os
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.base import Objective, Update
from genjax.data import ArraySource, in_memory, on_device
from genjax.errors import InputError, RunError
from genjax.training import (
    Checkpoints,
    Stopped,
    fit,
    gradient_descent,
    jsonl_writer,
    read_jsonl,
    skip_nonfinite,
)
from genjax.training._transforms import all_finite
from tests.laws.compare import assert_equal
from tests.laws.instances import batch
from tests.laws.registry import UPDATES

KEY = jax.random.key(0)


def pipeline(make=on_device):
    return make(ArraySource({"x": np.asarray(batch(64)["x"])}), batch_size=8, seed=0)


def run(update="with_ema", **kwargs):
    arguments = {"key": KEY, "steps": 20, "chunk": 4, "show_progress": False}
    return fit(UPDATES[update].method, pipeline(), **(arguments | kwargs))


def test_chunks_and_pipelines_do_not_change_the_run():
    states = [run(chunk=c) for c in (1, 4, 7, 100)]
    memory = fit(
        UPDATES["with_ema"].method,
        pipeline(in_memory),
        key=KEY,
        steps=20,
        show_progress=False,
    )
    for state in (*states[1:], memory):
        assert_equal(state, states[0])


@pytest.mark.parametrize("update", ["with_ema", "minimax, with memory"])
def test_resumed_is_never_stopped(update, tmp_path):
    whole = run(update, evaluate_every=5)
    with Checkpoints(tmp_path, config={}) as checkpoints:
        run(update, steps=10, evaluate_every=5, checkpoints=checkpoints)
        resumed = run(update, evaluate_every=5, checkpoints=checkpoints, resume=True)
    assert resumed.step == 20
    assert_equal(resumed, whole)


def test_a_state_to_start_with_is_gone_on_from_and_stays():
    whole, half = run(), run(steps=8)
    kept = jax.tree.map(jnp.copy, half)
    assert_equal(run(start=half), whole)
    assert_equal(half, kept)
    with pytest.raises(InputError, match="8 steps are made already, more than"):
        run(start=half, steps=4)


def test_a_state_of_another_model_is_refused_by_its_leaves():
    other = run("nade", steps=1)
    with pytest.raises(InputError, match=r"fit: start: the leaves .* is missing and"):
        run(start=other)


def test_metrics_are_reported_and_the_best_is_kept(tmp_path):
    scores = iter([3.0, 1.0, 2.0, 4.0])
    with (
        Checkpoints(tmp_path / "c", config={}, metric="score") as checkpoints,
        jsonl_writer(tmp_path / "m.jsonl") as writer,
    ):
        run(
            evaluate=lambda step, variables: {"score": jnp.array(next(scores))},
            evaluate_every=5,
            checkpoints=checkpoints,
            writers=[writer],
        )
        assert (checkpoints.best, checkpoints.latest) == (10, 20)
    rows = read_jsonl(tmp_path / "m.jsonl")
    assert [r["step"] for r in rows if "score" in r] == [5, 10, 15, 20]
    assert [r["step"] for r in rows if "loss" in r] == [4, 5, 9, 10, 14, 15, 19, 20]


def exploding(at):
    def loss(variables, batch, key):
        value = jnp.where(variables["params"] < at - 0.5, 1.0, jnp.nan)
        value = value + 0 * variables["params"] - variables["params"]
        return value, ({}, {"loss": value})

    return gradient_descent(
        Objective(lambda key, b: {"params": jnp.zeros(())}, loss), optax.sgd(1.0)
    )


def test_a_loss_that_is_not_finite_at_first_is_no_matter_of_training():
    with pytest.raises(RunError, match=r"step 1 is not finite .* look at the data"):
        fit(exploding(0), pipeline(), key=KEY, steps=2, show_progress=False)


def test_a_loss_that_is_not_finite_stops_with_its_step(tmp_path):
    with Checkpoints(tmp_path, config={}) as checkpoints:
        with pytest.raises(
            RunError, match=r"the loss of step 14 is not finite \(nan\)"
        ):
            fit(
                exploding(13),
                pipeline(),
                key=KEY,
                steps=20,
                chunk=3,
                evaluate_every=5,
                checkpoints=checkpoints,
                show_progress=False,
            )
        checkpoints.wait()
        assert checkpoints.latest == 10
        template = exploding(13).init(KEY, pipeline().example)
        assert float(checkpoints.restore(template).variables["params"]) == 10


def test_either_players_loss_is_checked(tmp_path):
    def step(state, batch):
        losses = {
            "loss": jnp.zeros(()),
            "generator_loss": jnp.zeros(()),
            "discriminator_loss": jnp.where(state.step == 6, jnp.nan, 1.0),
        }
        return state._replace(step=state.step + 1), losses

    update = Update(UPDATES["minimax, simultaneous"].method.init, step)
    with pytest.raises(RunError, match="the discriminator loss of step 7 is not fin"):
        fit(update, pipeline(), key=KEY, steps=20, chunk=4, show_progress=False)


def test_a_game_is_played_on_after_a_batch_that_is_not_finite():
    x = np.asarray(batch(64)["x"]).copy()
    x[3, 0] = np.nan
    update = skip_nonfinite(UPDATES["minimax, with memory"].method)
    feed = on_device(ArraySource({"x": x}), batch_size=8, seed=0)
    state = fit(update, feed, key=KEY, steps=16, show_progress=False)
    assert all_finite(state.variables)


def test_variables_that_are_not_finite_are_never_saved(tmp_path):
    def loss(variables, batch, key):
        # The loss is finite; its gradient at 0 is not.
        value = jnp.sum(jnp.sqrt(jnp.abs(variables["params"])))
        return value, ({}, {"loss": value})

    objective = Objective(lambda key, b: {"params": jnp.zeros(2)}, loss)
    update = gradient_descent(objective, optax.sgd(1.0))
    with (
        Checkpoints(tmp_path, config={}) as checkpoints,
        pytest.raises(RunError, match=r"after step 1 are not finite"),
    ):
        fit(
            update,
            pipeline(),
            key=KEY,
            steps=1,
            checkpoints=checkpoints,
            show_progress=False,
        )
    assert not [p for p in tmp_path.iterdir() if p.name.isdigit()]


def test_skipped_steps_do_not_spoil_the_means(tmp_path):
    x = np.asarray(batch(64)["x"]).copy()
    x[3, 0] = np.nan
    update = skip_nonfinite(UPDATES["nade"].method)
    source = ArraySource({"x": x})
    with jsonl_writer(tmp_path / "m.jsonl") as writer:
        fit(
            update,
            on_device(source, batch_size=8, seed=0),
            key=KEY,
            steps=8,
            writers=[writer],
            show_progress=False,
        )
    (row,) = read_jsonl(tmp_path / "m.jsonl")
    assert np.isfinite(row["loss"])
    assert row["skipped"] == 1 / 8


def test_a_signal_saves_and_ends_within_seconds(tmp_path):
    def interrupt():
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    with Checkpoints(tmp_path, config={}) as checkpoints:
        threading.Thread(target=interrupt).start()
        started = time.perf_counter()
        # A binary density: its loss has a bound, however many steps a second holds.
        with pytest.raises(Stopped, match=r"SIGTERM after step .* saved in") as stopped:
            run("nade", steps=10_000_000, checkpoints=checkpoints)
        assert time.perf_counter() - started < 10
        assert stopped.value.signal is signal.SIGTERM
        assert checkpoints.latest == stopped.value.step == stopped.value.state.step > 0


def test_an_interrupted_cell_ends(tmp_path):
    def interrupt(step, metrics):
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="SIGINT after step 4 of 20"):
        run(writers=[interrupt], chunk=2)


@pytest.mark.parametrize("chunk", [4, 100])
def test_a_profile_is_written(tmp_path, chunk):
    run(profile=tmp_path, chunk=chunk)
    assert list(tmp_path.rglob("*.xplane.pb"))


@pytest.mark.parametrize("name", ["steps", "chunk"])
def test_numbers_must_be_positive(name):
    with pytest.raises(InputError, match=f"fit: {name} must be at least 1, got -1"):
        run(**{name: -1})


def test_a_new_run_is_refused_where_another_one_is(tmp_path):
    with Checkpoints(tmp_path, config={}) as checkpoints:
        run(steps=8, checkpoints=checkpoints)
        with pytest.raises(
            InputError, match="holds a run of 8 steps: resume=True goes"
        ):
            run(steps=8, checkpoints=checkpoints)


def test_variables_that_are_not_finite_are_told_without_checkpoints():
    def loss(variables, batch, key):
        value = jnp.sum(jnp.sqrt(jnp.abs(variables["params"])))
        return value, ({}, {"loss": value})

    start = Objective(lambda key, batch: {"params": jnp.zeros(2)}, loss)
    with pytest.raises(RunError, match="variables after step 1 are not finite"):
        fit(
            gradient_descent(start, optax.sgd(1.0)),
            pipeline(),
            key=KEY,
            steps=1,
            show_progress=False,
        )


def test_a_pipeline_that_gives_too_little_is_told():
    whole = pipeline()
    short = whole._replace(feed=lambda step, count: whole.feed(step, max(count - 1, 1)))
    with pytest.raises(RunError, match=r"gave \[3\] batches for the 4 steps from 0 on"):
        fit(
            UPDATES["nade"].method,
            short,
            key=KEY,
            steps=8,
            chunk=4,
            show_progress=False,
        )
