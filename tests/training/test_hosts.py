"""Two processes that are one run: what they train, how they stop, how they end."""

import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from genjax.data import ArraySource, in_memory, on_device
from genjax.training import Checkpoints, fit
from tests.laws.instances import batch
from tests.laws.registry import UPDATES
from tests.processes import free_address

# Joined to the other process, with its rows, an update over both, and two devices each.
JOINED = """
import sys
from functools import partial
import jax
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
from genjax.training import (
    Checkpoints, Stopped, data_parallel, device_mesh, fit, initialize, shard_pipeline
)
address, process, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
initialize(address, processes=2, process=process, timeout=60)
import numpy as np
from genjax.data import ArraySource, Share, in_memory
from tests.laws.instances import batch
from tests.laws.registry import UPDATES
with jax.default_device(jax.local_devices()[0]):
    source = ArraySource({"x": np.asarray(batch(64)["x"])})
    pipeline = in_memory(source, batch_size=16, seed=0)
    mesh = device_mesh()
    assert mesh.size == 4, mesh
run = partial(
    fit, data_parallel(UPDATES["nade"].method, mesh), shard_pipeline(pipeline, mesh),
    key=jax.random.key(0), show_progress=False,
)

def tell(step, metrics):
    print(step, flush=True)

def until_told():
    try:
        run(steps=10**7, chunk=10, writers=[tell])
    except Stopped as stopped:
        print("ended", stopped.step, stopped.signal.name, flush=True)
"""

# To the end, until it is told to stop, and until one of them fails.
THREE_RUNS = """
state = run(steps=6, chunk=3)
w = state.variables["params"]["network"]["W"].addressable_data(0)
own = pipeline.feed(0, 3, Share(process, 2))["x"]
np.savez(f"{folder}/{process}.npz", w=np.asarray(w), rows=own)

until_told()

def evaluate(step, variables):
    if process == 1 and step == 60:
        raise SystemError("a host fails")
    return {"loss": step}

with Checkpoints(f"{folder}/saved", config={}) as checkpoints:
    run(
        steps=10**7, chunk=10, checkpoints=checkpoints, evaluate=evaluate,
        evaluate_every=20,
    )
"""

SAVING = """
with Checkpoints(f"{folder}/saved", config={}) as checkpoints:
    run(
        steps=10**7, chunk=10, checkpoints=checkpoints, writers=[tell],
        evaluate_every=20,
    )
"""


@contextmanager
def joined(script, folder):
    """Runs a script in two processes that are one run; they end with what is inside."""
    command = [sys.executable, "-c", JOINED + script, free_address()]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen([*command, str(i), folder], **streams))
            for i in range(2)
        ]
        for process in processes:
            stack.callback(process.kill)
        yield processes


def wait_for_step(process, least):
    for line in iter(process.stdout.readline, ""):
        if line.strip().isdigit() and int(line) > least:
            return
    pytest.fail(process.communicate()[1][-3000:])


def assert_ended_by(victim, status, errors, folder):
    """The other one's status, what it said, and what both have saved."""
    assert status == 2
    # The runtime's own log may come after it.
    told = [x for x in errors.splitlines() if not re.match(r"[IWEF]\d{4} ", x)]
    assert f"error: process {victim} of this run has ended" in told[-1]
    assert "Traceback" not in errors
    state = jax.jit(UPDATES["nade"].method.init)(jax.random.key(0), batch(64))
    with Checkpoints(folder / "saved", config={}) as checkpoints:
        assert checkpoints.restore(state).step == checkpoints.latest


class Hosts(NamedTuple):
    """What two processes have left: files, status, and what they printed."""

    folder: Path
    statuses: list[int]
    outputs: list[str]
    errors: list[str]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    with joined(THREE_RUNS, folder) as processes:
        wait_for_step(processes[0], least=0)
        processes[1].send_signal(signal.SIGTERM)
        printed = [process.communicate(timeout=240) for process in processes]
    outputs, errors = zip(*printed, strict=True)
    return Hosts(folder, [p.returncode for p in processes], outputs, errors)


def test_two_processes_are_one(hosts):
    source = ArraySource({"x": np.asarray(batch(64)["x"])})
    alone = fit(
        UPDATES["nade"].method,
        on_device(source, batch_size=16, seed=0),
        key=jax.random.key(0),
        steps=6,
        show_progress=False,
    )
    found = [np.load(hosts.folder / f"{i}.npz") for i in range(2)]
    w = alone.variables["params"]["network"]["W"]
    for process in found:
        np.testing.assert_allclose(process["w"], w, atol=1e-4)
    # Each process has read a half of every batch, and together they have read it all.
    whole = in_memory(source, batch_size=16, seed=0).feed(0, 3)["x"]
    rows = np.concatenate([process["rows"] for process in found], axis=1)
    np.testing.assert_array_equal(rows, whole)


def test_both_stop_at_one_step_when_one_of_them_is_told(hosts):
    # Gloo's own lines come when a process ends.
    ends = [re.findall(r"^ended \d+ SIGTERM$", o, re.MULTILINE) for o in hosts.outputs]
    assert len(ends[0]) == 1
    assert ends[0] == ends[1]


def test_one_that_fails_ends_the_other_at_once(hosts):
    assert "SystemError: a host fails" in hosts.errors[1]
    assert_ended_by(1, hosts.statuses[0], hosts.errors[0], hosts.folder)


@pytest.mark.slow
def test_twenty_signals_stop_both_at_the_same_steps(tmp_path):
    random, told = np.random.default_rng(0), []
    with joined("for _ in range(20): until_told()", tmp_path) as processes:
        for i in range(20):
            wait_for_step(processes[0], least=0)
            time.sleep(random.uniform(0, 0.05))
            processes[i % 2].send_signal(random.choice([signal.SIGINT, signal.SIGTERM]))
            lines = iter(processes[0].stdout.readline, "")
            told.append(next(line for line in lines if line.startswith("ended")))
        others = processes[1].communicate(timeout=60)[0].splitlines(keepends=True)
        assert processes[0].wait(60) == processes[1].returncode == 0
    assert [line for line in others if line.startswith("ended")] == told


@pytest.mark.slow
@pytest.mark.parametrize("death", range(10))
def test_one_that_dies_ends_the_other_at_once(death, tmp_path):
    victim = death % 2
    with joined(SAVING, tmp_path) as processes:
        wait_for_step(processes[victim], least=150)
        processes[victim].kill()
        other = processes[1 - victim]
        _, errors = other.communicate(timeout=60)
    assert_ended_by(victim, other.returncode, errors, tmp_path)
