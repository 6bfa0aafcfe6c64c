"""Commands that the tests run, and a small run of an experiment."""

import json
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import jax

from experiments.__main__ import main
from genjax.training import read_jsonl

NAME = "autoregressive/nade_digits"
TINY = ["--hidden", "8", "--components", "2", "--no-progress"]
STEPS = ["--steps", 600, "--evaluate-every", 50]
# Runs compile as the tests do, into a cache of their own: a killed one may damage it.
ENVIRONMENT = os.environ | {
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_COMPILATION_CACHE_DIR": f"{jax.config.jax_compilation_cache_dir}_by_runs",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
}


def command(*arguments):
    return [sys.executable, "-m", "experiments", *map(str, arguments)]


class Done(NamedTuple):
    """What a command has left on the screen, and its status."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments):
    """Runs a command line in this process, where nothing is imported anew."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            status = main([*map(str, arguments)])
        except SystemExit as exit:
            status = exit.code
    return Done(int(status or 0), out.getvalue(), err.getvalue())


def nll(folder: Path) -> float:
    return json.loads((folder / "result.json").read_text())["metrics"]["test_nll"]


def resume(folder: Path):
    return NAME, "--no-progress", "--resume", "--workdir", folder


def start_or_resume(folder: Path, fields=STEPS):
    if (folder / "config.json").exists():
        return resume(folder)
    return NAME, *TINY, *fields, "--workdir", folder


def kill_and_resume(folder: Path, number: int, kills: int, random) -> int:
    """Starts a run, kills it at random moments, and resumes until it is done."""
    done = 0

    def rows():
        return len(read_jsonl(folder / "metrics.jsonl"))

    for attempt in range(kills + 1):
        process = subprocess.Popen(
            command(*start_or_resume(folder)),
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if attempt < kills:
            deadline = time.monotonic() + 60
            wanted = rows() + random.integers(4)
            while process.poll() is None and time.monotonic() < deadline:
                if rows() > wanted:
                    break
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.1))
            if process.poll() is None:
                process.send_signal(number)
                done += 1
        _, errors = process.communicate(timeout=120)
        assert "Traceback" not in errors, errors[-3000:]
        if process.returncode == 0:
            break
    return done


def is_the_same_run(folder: Path, whole: Path) -> bool:
    rows, expected = (
        [r for r in read_jsonl(f / "metrics.jsonl") if "validation" in r]
        for f in (folder, whole)
    )
    return rows == expected and nll(folder) == nll(whole)
