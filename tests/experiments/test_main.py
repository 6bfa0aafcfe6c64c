"""The command line, as a user meets it: real processes on real data."""

import dataclasses
import json
import signal
import subprocess

import jax
import numpy as np
import pytest

from experiments.__main__ import _default, main
from experiments.catalogue import load
from genjax.training import read_config, read_jsonl
from tests.experiments.commands import (
    ENVIRONMENT,
    NAME,
    TINY,
    command,
    is_the_same_run,
    kill_and_resume,
    run,
)
from tests.processes import finish, free_address


def test_listing_shows_every_experiment(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    for part in ("nade", "realnvp", "data prepare", "sample RUN"):
        assert part in shown


def test_a_family_a_card_and_the_version_are_shown(capsys):
    for arguments, part in (
        (["flows"], "flows/toy: A spline flow on five densities"),
        (["show", "realnvp_moons"], "Expected: gap <= .014 nats"),
        (["--version"], "genjax 0."),
    ):
        assert main(arguments) == 0
        assert part in capsys.readouterr().out
    assert main(["show", "nothing_like_it"]) == 2
    shown = run("realnvp_moons", "--help").stdout
    assert "\nHardware: 2 CPU cores\n" in shown
    assert "\nTime: 44 seconds\n" in shown


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "smoke"
    done = run(NAME, "--smoke", "--seeds", 2, "--workdir", folder, "--no-progress")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_a_run_leaves_everything_behind(finished):
    result = json.loads((finished / "result.json").read_text())
    assert result["experiment"] == NAME
    assert len(result["metrics"]["test_nll_of_seeds"]) == 2
    assert result["metrics"]["test_nll"] == pytest.approx(
        np.mean(result["metrics"]["test_nll_of_seeds"])
    )
    assert set(result) >= {"config", "expected", "passed", "seconds", "device"}
    report = (finished / "report.md").read_text()
    for picture in ("samples.png", "completions.png", "curves.png"):
        assert (finished / picture).stat().st_size > 1000
        assert picture in report
    fields = f"--workdir {finished} --seeds 2 --smoke --no-progress"
    assert f"python -m experiments {NAME} {fields}" in report
    assert "+-" in report
    rows = read_jsonl(finished / "metrics.jsonl")
    assert [len(row["validation"]) for row in rows if "validation" in row] == [2, 2]


def test_a_finished_run_can_be_sampled_and_measured_again(finished):
    reported = (finished / "samples.png").read_bytes()
    done = run("sample", finished, "-n", 5)
    assert done.returncode == 0, done.stderr
    assert np.load(finished / "samples_5_of_seed_0.npy").shape == (5, 8, 8)
    assert (finished / "samples.png").read_bytes() == reported
    done = run("evaluate", finished)
    expected = json.loads((finished / "result.json").read_text())["metrics"]
    assert json.loads(done.stdout)["test_nll"] == pytest.approx(expected["test_nll"])


def test_a_finished_run_is_exported(finished, tmp_path):
    out = tmp_path / "model.safetensors"
    done = run("export", finished, "--out", out)
    assert done.returncode == 0, done.stderr
    config = read_config(out)
    assert (config["experiment"], config["hidden"]) == (NAME, 16)
    again = run("export", finished, "--out", out)
    assert again.returncode == 2
    assert "is there already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["autoregressive/nade_digit"], "did you mean autoregressive/nade_digits"),
        ([NAME, "--stepz", "3"], "--stepz"),
        (
            [NAME, *TINY, "--batch-size", "9999"],
            "the 1257 examples there are, got 9999",
        ),
        ([NAME, *TINY, "--devices", "99"], "99 devices were asked for"),
        ([NAME, *TINY, "--steps", "0"], "--steps must be at least 1, got 0"),
        ([NAME, "--learning-rate", "-1"], "--learning-rate must be a number from 0"),
        ([NAME, "--learning-rate", "0"], "--learning-rate must be above 0"),
        ([NAME, "--ema", "1.0"], "--ema must be below 1, got 1.0"),
        ([NAME, "--weight-decay", "nan"], "--weight-decay must be a number from 0"),
        (["digits"], "is one of autoregressive/digits, flows/digits"),
        ([NAME, *TINY, "--workdir", "/dev/null/run"], "cannot write to /dev/null/run"),
        ([NAME, "--resume", "--workdir", "absent"], "there is no run in"),
        (["evaluate", "absent"], "is not the folder of a run"),
        (["data", "prepare", "nothing", "--from", "."], "only mnist, fashion_mnist"),
    ],
)
def test_bad_input_is_a_sentence_and_status_2(arguments, sentence, tmp_path):
    if "--workdir" not in arguments and arguments[0] == NAME:
        arguments = [*arguments, "--workdir", tmp_path / "run"]
    done = run(*arguments)
    assert done.returncode == 2, done.stderr[-2000:]
    assert sentence in " ".join((done.stderr + done.stdout).split())
    assert "Traceback" not in done.stderr


def test_another_runs_folder_is_refused(finished):
    again = run(NAME, "--smoke", "--workdir", finished)
    assert "already holds a run" in again.stderr
    other = run("flows/realnvp_moons", "--smoke", "--resume", "--workdir", finished)
    assert f"holds a run of {NAME}" in " ".join(other.stderr.split())
    changed = run(NAME, "--smoke", "--resume", "--hidden", 3, "--workdir", finished)
    assert "hidden = 16 there, 3 here" in " ".join(changed.stderr.split())
    assert [r.returncode for r in (again, other, changed)] == [2, 2, 2]
    assert run("sample", finished, "-n", 2).returncode == 0


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    done = run(NAME, "--smoke", "--workdir", tmp_path)
    assert done.returncode == 2
    assert "holds other files (thesis.tex)" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_is_made_longer(tmp_path):
    folder = tmp_path / "run"
    steps = ["--steps", 4, "--evaluate-every", 2]
    assert run(NAME, *TINY, *steps, "--workdir", folder).returncode == 0
    longer = run(NAME, "--no-progress", "--resume", f"--workdir={folder}", "--steps", 6)
    assert longer.returncode == 0, longer.stderr
    rows = [r["step"] for r in read_jsonl(folder / "metrics.jsonl") if "loss" in r]
    assert rows == [2, 4, 6]
    assert json.loads((folder / "config.json").read_text())["steps"] == 6
    shorter = run(NAME, "--resume", "--workdir", folder, "--steps", 5)
    assert shorter.returncode == 2
    assert "--steps 5: 6 steps are made already" in shorter.stderr
    assert json.loads((folder / "config.json").read_text())["steps"] == 6


def test_a_compilation_cache_that_is_chosen_is_kept(finished):
    # The run was made in this process, whose cache the tests have chosen.
    of_tests = jax.config.jax_compilation_cache_dir
    assert ENVIRONMENT["JAX_COMPILATION_CACHE_DIR"] == f"{of_tests}_by_runs"


@pytest.mark.parametrize("text", ["", "[1]", "3", "{}", '{"experiment": 3}', "\xff"])
def test_a_damaged_record_of_a_run_is_a_sentence(text, tmp_path):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    for arguments in (["evaluate", tmp_path], ["sample", tmp_path]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "error: " in done.stderr
        assert "Traceback" not in done.stderr


def test_a_resumed_run_keeps_its_chunks_and_devices(tmp_path):
    module = load(NAME)
    saved = dataclasses.asdict(module.Config(chunk=7, devices=2, check=True, hidden=3))
    record = json.dumps({"experiment": NAME, **saved})
    (tmp_path / "config.json").write_text(record)
    for named in (["--workdir", str(tmp_path)], [f"--workdir={tmp_path}"]):
        resumed = _default(module, ["--resume", *named])
        assert (resumed.chunk, resumed.devices, resumed.hidden) == (7, 2, 3)
        assert not resumed.check


def test_check_fails_where_an_expectation_is_missed(tmp_path):
    steps = ["--steps", 4, "--evaluate-every", 2]
    done = run(NAME, *TINY, *steps, "--check", "--workdir", tmp_path / "run")
    assert done.returncode == 1, done.stderr[-2000:]
    assert not json.loads((tmp_path / "run" / "result.json").read_text())["passed"]


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_killed_and_resumed_is_never_killed(number, never_killed, tmp_path):
    random = np.random.default_rng(number)
    assert kill_and_resume(tmp_path / "run", number, 1, random) == 1
    assert is_the_same_run(tmp_path / "run", never_killed)


@pytest.mark.slow
def test_two_processes_are_one_run(tmp_path):
    settings = [NAME, "--smoke", *TINY, "--workdir"]
    several = ["--coordinator", free_address(), "--processes", 2, "--process"]
    folders = tmp_path / "two", tmp_path / "one"
    both = [
        subprocess.Popen(
            command(*settings, folders[0], *several, i),
            env=ENVIRONMENT | {"JAX_NUM_CPU_DEVICES": "1"},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for i in range(2)
    ]
    finish(both, timeout=240)
    assert run(*settings, folders[1]).returncode == 0
    two, one = (json.loads((f / "result.json").read_text()) for f in folders)
    for name, value in one["metrics"].items():
        assert two["metrics"][name] == pytest.approx(value, rel=1e-4)
    assert (
        "several processes"
        in run(NAME, "--processes", 2, "--coordinator", "a:1").stderr
    )
    assert "name --coordinator" in run(NAME, "--processes", 2).stderr
    for alone in (["--coordinator", "a:1"], ["--process", 1]):
        assert "name --processes, how many" in run(NAME, *alone).stderr
