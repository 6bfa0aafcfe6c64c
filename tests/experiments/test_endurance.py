"""Runs that are killed at any moment, on full disks, and with damaged files.

Each test prints a table of what came of it, beside what was tried.
"""

import json
import random
import shutil
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from genjax.training import read_jsonl
from tests.experiments.commands import (
    ENVIRONMENT,
    NAME,
    STEPS,
    TINY,
    command,
    is_the_same_run,
    kill_and_resume,
    resume,
    run,
    start_or_resume,
)
from tests.processes import finished

pytestmark = pytest.mark.slow


EXACT = {True: "exact", False: "NOT exact"}


def tell(capsys, title, outcomes):
    with capsys.disabled():
        print(f"\n{title}")
        for outcome, count in sorted(outcomes.items()):
            print(f"{count:6} {outcome}")


def test_a_hundred_kills_at_random_moments(never_killed, tmp_path, capsys):
    def one(i):
        folder = tmp_path / str(i)
        kills = kill_and_resume(folder, signal.SIGKILL, 4, np.random.default_rng(i))
        return kills, is_the_same_run(folder, never_killed)

    kills, exact = 0, []
    with ThreadPoolExecutor(2) as pool:
        for killed, same in pool.map(one, range(28)):
            kills += killed
            exact.append(same)
    tell(capsys, f"{kills} SIGKILLs at random moments", Counter(runs_exact=sum(exact)))
    assert kills >= 100
    assert all(exact)


def test_a_run_moves_from_eight_devices_to_two_to_one(tmp_path, capsys):
    def legs(folder, devices):
        for number, steps in zip(devices, (200, 400, 600), strict=True):
            again = ["--resume"] if folder.exists() else [*TINY, "--batch-size", 64]
            length = ["--steps", steps, "--evaluate-every", 50]
            where = ["--devices", number, "--workdir", folder]
            done = run(NAME, "--no-progress", *again, *length, *where)
            assert done.returncode == 0, done.stderr
        return [
            row["validation"]
            for row in read_jsonl(folder / "metrics.jsonl")
            if "validation" in row
        ]

    moved = legs(tmp_path / "moved", (8, 2, 1))
    stayed = legs(tmp_path / "stayed", (1, 1, 1))
    worst = max(abs(np.subtract(moved, stayed)))
    tell(capsys, "8, 2, 1 devices", {f"evaluations, at most {worst:.1e} apart": 12})
    assert len(moved) == len(stayed) == 12
    np.testing.assert_allclose(moved, stayed, rtol=1e-5)


HALF_WRITTEN = """
import builtins, io, os, signal, sys
folder, wanted, *arguments = sys.argv[1:]
plain, opened = io.open, 0

def watched(file, mode="r", *rest, **fields):
    global opened
    stream = plain(file, mode, *rest, **fields)
    named = isinstance(file, (str, os.PathLike))
    if named and os.path.abspath(file).startswith(folder) and set(mode) & set("wax+"):
        opened += 1
        if opened == int(wanted):
            write = stream.write
            def half(data):
                write(data[: len(data) // 2])
                stream.flush()
                print("half", os.path.relpath(file, folder), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            stream.write = half
    return stream

io.open = builtins.open = watched
from experiments.__main__ import main
sys.exit(main(arguments))
"""


def test_a_kill_in_the_middle_of_every_file(tmp_path, capsys):
    """The n-th file that a run opens to write holds half of its first piece."""
    fields = "--steps", 100, "--evaluate-every", 50
    whole = tmp_path / "whole"
    assert run(*start_or_resume(whole, fields)).returncode == 0

    def one(wanted):
        folder = tmp_path / str(wanted)
        arguments = (folder, wanted, *start_or_resume(folder, fields))
        killed = finished(HALF_WRITTEN, *arguments, env=ENVIRONMENT, timeout=240)
        half = [line for line in killed.stdout.splitlines() if line.startswith("half")]
        if not half:
            assert killed.returncode == 0, killed.stderr[-2000:]
            return None
        again = command(*start_or_resume(folder, fields))
        done = subprocess.run(again, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        name = "".join("#" if c.isdigit() else c for c in half[0].split()[1])
        return name, is_the_same_run(folder, whole)

    with ThreadPoolExecutor(2) as pool:
        *killed, last = pool.map(one, range(1, 41))
    found = [one for one in killed if one is not None]
    table = Counter(f"{name} {EXACT[same]}" for name, same in found)
    tell(capsys, f"{len(found)} kills in the middle of a file", table)
    assert last is None, "a run writes more files than were tried"
    assert len(found) >= 20
    assert all(same for _, same in found)


def flipped(data):
    place = len(data) // 2
    return data[:place] + bytes(b ^ 16 for b in data[place:][:1]) + data[place + 1 :]


DAMAGES = {
    "deleted": lambda data, other: None,
    "empty": lambda data, other: b"",
    "half": lambda data, other: data[: len(data) // 2],
    "flipped": lambda data, other: flipped(data),
    "garbage": lambda data, other: random.Random(0).randbytes(len(data) or 16),
    "of another run": lambda data, other: other,
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_damaged_file_is_named_or_does_no_harm(never_killed, tmp_path, capsys):
    other = tmp_path / "other"
    assert run(NAME, *TINY, *STEPS, "--seed", 1, "--workdir", other).returncode == 0
    expected = json.loads((never_killed / "result.json").read_text())["metrics"]
    copy, table, wrong = tmp_path / "copy", Counter(), []
    files = sorted(
        path.relative_to(never_killed)
        for path in never_killed.rglob("*")
        if path.is_file()
    )
    for name in files:
        for how, damage in DAMAGES.items():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(never_killed, copy)
            same = other / name
            data = damage(
                (copy / name).read_bytes(), same.read_bytes() if same.exists() else b""
            )
            (copy / name).unlink()
            if data is not None:
                (copy / name).write_bytes(data)
            for what in (("evaluate", copy), resume(copy)):
                outcome = judged(run(*what), copy, expected, what)
                table[f"{how}: {outcome}"] += 1
                if outcome not in ("refused", "harmless"):
                    wrong.append(f"{name} {how}, {what[0]}: {outcome}")
    tell(capsys, f"{len(files)} files damaged in six ways", table)
    assert not wrong


def judged(done, folder, expected, what):
    if done.returncode == 0 and what[0] == "evaluate":
        found = json.loads(done.stdout)
    elif done.returncode == 0:
        found = json.loads((folder / "result.json").read_text())["metrics"]
    else:
        is_named = done.returncode == 2 and str(folder) in done.stderr
        is_named &= "Traceback" not in done.stderr
        return "refused" if is_named else f"UNNAMED {done.stderr[-300:]}"
    return "harmless" if found == expected else "SILENT"


SMALL_DISK = """
mount -t tmpfs -o size=$1k none $2 || exit 99
shift; disk=$1; shift
timeout 120 "$@" --workdir $disk/run; echo "ended $?"
mount -o remount,size=200m $disk
again="--resume"; [ -f $disk/run/config.json ] || again=$STEPS
timeout 120 $RESUME $again --workdir $disk/run; echo "resumed $?"
cp -r $disk/run $COPY
"""


def test_twenty_full_disks(never_killed, tmp_path, capsys):
    may_mount = subprocess.run(["unshare", "-rm", "true"], capture_output=True)
    if may_mount.returncode:
        pytest.skip("needs a namespace of its own to mount a small disk")
    total = (
        sum(p.stat().st_size for p in never_killed.rglob("*") if p.is_file()) // 1024
    )

    def one(i):
        disk, copy = tmp_path / f"disk{i}", tmp_path / f"copy{i}"
        disk.mkdir()
        settings = {
            "RESUME": " ".join(command(NAME, *TINY)),
            "STEPS": " ".join(map(str, STEPS)),
            "COPY": str(copy),
        }
        size = 16 + i * total // 20
        shell = ["unshare", "-rm", "sh", "-c", SMALL_DISK, "-", str(size), str(disk)]
        done = subprocess.run(
            [*shell, *command(NAME, *TINY, *STEPS)],
            env=ENVIRONMENT | settings,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "Traceback" not in done.stderr, (size, done.stderr[-3000:])
        ended, resumed = (
            int(line.split()[1])
            for line in done.stdout.splitlines()
            if line.startswith(("ended", "resumed"))
        )
        assert resumed == 0, (size, done.stderr[-3000:])
        return ended, is_the_same_run(copy, never_killed)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, range(20)))
    named = {0: "whole", 2: "a sentence", 124: "HUNG"}
    table = Counter(
        f"{named.get(ended, f'STATUS {ended}')}, then {EXACT[same]}"
        for ended, same in found
    )
    tell(capsys, "20 runs on disks of 16 KiB to the whole run's size", table)
    assert all(same for _, same in found)
    assert {ended for ended, _ in found} == {2}
