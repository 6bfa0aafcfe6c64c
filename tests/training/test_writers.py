import json

import numpy as np
import pytest

from genjax.errors import RunError
from genjax.training import jsonl_writer, read_jsonl, tensorboard_writer


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
