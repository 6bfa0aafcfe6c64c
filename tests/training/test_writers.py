import json

import numpy as np
import pytest

from genjax.errors import RunError
from genjax.training import (
    jsonl_writer,
    read_jsonl,
    tensorboard_writer,
    write_whole,
)
from tests.processes import finished


def test_a_resumed_run_reports_again_what_came_after_its_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with jsonl_writer(path) as write:
        for step in (10, 20, 30):
            write(step, {"loss": np.float32(step), "seeds": np.ones(2)})
    with path.open("a") as file:
        file.write('{"step": 40, "lo')
    with jsonl_writer(path, start=20) as write:
        write(30, {"loss": 1.0})
    rows = read_jsonl(path)
    assert [row["step"] for row in rows] == [10, 20, 30]
    assert rows[0]["seeds"] == [1.0, 1.0]
    assert rows[2]["loss"] == 1.0
    assert all(json.dumps(row) for row in rows)


def test_an_unwritable_file_is_a_sentence(tmp_path):
    with (
        pytest.raises(RunError, match="cannot write metrics"),
        jsonl_writer(tmp_path / "absent" / "metrics.jsonl"),
    ):
        pass


def test_tensorboard_gets_a_curve_a_seed(tmp_path):
    with tensorboard_writer(tmp_path) as write:
        write(1, {"loss": np.array([1.0, 2.0]), "single": 3.0})
    (events,) = tmp_path.iterdir()
    data = events.read_bytes()
    for tag in (b"loss/seed_0", b"loss/seed_1", b"single"):
        assert tag in data


def test_what_is_not_finite_is_json_and_comes_back_as_no_number(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with jsonl_writer(path) as write:
        write(1, {"loss": np.float32(np.nan), "seeds": np.array([1.0, np.inf])})

    def refuse(word):
        raise AssertionError(word)

    json.loads(path.read_text(), parse_constant=refuse)
    (row,) = read_jsonl(path)
    assert np.isnan(row["loss"])
    np.testing.assert_array_equal(row["seeds"], [1.0, np.nan])


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"loss": 1.0}', "\x00", "ÿ"])
def test_a_damaged_line_takes_no_other_with_it(damage, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(f'{{"step": 1}}\n{damage}\n{{"step": 2}}\n'.encode("latin-1"))
    with jsonl_writer(path, start=9) as write:
        write(3, {})
    assert [row["step"] for row in read_jsonl(path)] == [1, 2, 3]


def test_a_file_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    write_whole(path, "old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


DISK = """
import resource, signal, sys
from genjax.errors import RunError
from genjax.training import jsonl_writer, tensorboard_writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
for make, path in ((tensorboard_writer, "tb"), (jsonl_writer, "metrics.jsonl")):
    try:
        with make(f"{sys.argv[1]}/{path}") as write:
            for step in range(2000):
                write(step, {"loss": 1.0})
    except RunError as error:
        print(error)
"""


def test_a_full_disk_is_a_sentence_of_each_writer(tmp_path):
    done = finished(DISK, tmp_path, check=True, timeout=60)
    told = done.stdout.splitlines()
    assert [line.split(":")[0] for line in told] == [
        f"cannot write metrics to {tmp_path}/{path}" for path in ("tb", "metrics.jsonl")
    ]
