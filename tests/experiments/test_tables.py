"""A table of one's own: to a model, and back to rows in its own units."""

import json

import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from experiments import table_runs
from genjax.data import read_frame
from tests.experiments.commands import run

RANDOM = np.random.default_rng(0)
STEPS = ["--steps", 4, "--evaluate-every", 2, "--hidden", 8, "--components", 2]


def people(n):
    return pa.table(
        {
            "height": RANDOM.normal(170, 10, n),
            "smokes": RANDOM.integers(0, 2, n),
            "city": RANDOM.choice(["Oslo", "Rome", "Bern"], n),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def trained(folder):
    csv.write_csv(people(120), folder / "people.csv")
    where = ["--data", folder / "people.csv", "--workdir", folder / "run"]
    how = [*STEPS, "--encode", "--model", "deep_nade", "--no-progress", "--seeds", 2]
    done = run("autoregressive/custom", *how, *where)
    assert done.returncode == 0, done.stderr
    (folder / "people.csv").rename(folder / "elsewhere.csv")  # it is needed no more
    return folder / "run"


def test_rows_are_drawn_in_the_units_of_the_table(trained, folder):
    out = folder / "new.csv"
    done = run("sample", trained, "--rows", 300, "--out", out)
    assert done.returncode == 0, done.stderr
    rows = read_frame(out)
    assert rows.column_names == ["height", "smokes", "city"]
    assert abs(rows.column("height").to_numpy().mean() - 170) < 20
    assert set(rows.column("city").to_pylist()) <= {"Oslo", "Rome", "Bern"}
    again = run("sample", trained, "--rows", 300, "--out", out)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_score_is_the_log_density_and_the_standardisers_log_determinant(
    trained, folder
):
    done = run(
        "score",
        trained,
        "--data",
        folder / "elsewhere.csv",
        "--out",
        folder / "scores.csv",
    )
    assert done.returncode == 0, done.stderr
    found = read_frame(folder / "scores.csv").column("log_density").to_numpy()
    columns, model, variables = table_runs._restored(trained)
    x = columns.encode(read_frame(folder / "elsewhere.csv"))
    (height,) = (c for c in columns.columns if c.name == "height")
    expected = model.density.log_prob(variables, jnp.asarray(x)) - np.log(height.scale)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_holes_are_filled_and_the_rest_stays(trained, folder):
    holes = people(40).to_pydict()
    for name, values in holes.items():
        holes[name] = [None if RANDOM.random() < 0.4 else v for v in values]
    holes["note"] = list(range(40))
    csv.write_csv(pa.table(holes), folder / "holes.csv")
    done = run(
        "complete",
        trained,
        "--data",
        folder / "holes.csv",
        "--out",
        folder / "full.csv",
    )
    assert done.returncode == 0, done.stderr
    full, given = read_frame(folder / "full.csv"), read_frame(folder / "holes.csv")
    for name in given.column_names:
        for old, new in zip(
            given.column(name).to_pylist(), full.column(name).to_pylist(), strict=True
        ):
            assert new is not None
            assert old in (None, new)


def test_a_split_that_is_given_is_kept(folder):
    for name, n in (("train", 30), ("validation", 7), ("test", 9)):
        csv.write_csv(people(n), folder / f"{name}.csv")
    files = [
        part
        for flag, name in (("data", "train"), *[(n, n) for n in ("validation", "test")])
        for part in (f"--{flag}", folder / f"{name}.csv")
    ]
    where = ["--workdir", folder / "split", "--no-progress"]
    kinds = ["--kinds", "smokes=real", "--drop", "city"]
    done = run("autoregressive/custom", *STEPS, *files, *where, *kinds)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((folder / "split" / "result.json").read_text())["metrics"]
    assert (metrics["test_rows"], metrics["train_rows"]) == (9, 30)
    fields = json.loads((folder / "split" / "columns.json").read_text())
    assert [(c["name"], c["kind"]) for c in fields] == [
        ("height", "real"),
        ("smokes", "real"),
    ]
    csv.write_csv(
        pa.table({"height": [None, 170.0], "smokes": [1, 0]}), folder / "first.csv"
    )
    done = run(
        "complete",
        folder / "split",
        "--data",
        folder / "first.csv",
        "--out",
        folder / "x.csv",
    )
    assert done.returncode == 2
    assert "Orderless models (deep_nade without an order)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "elsewhere.csv"], "column 'city' is 'Oslo', not a number|is '"),
        (["--data", "absent.csv"], "there is no table at"),
        (["--data", "elsewhere.csv", "--drop", "town"], "there is no column 'town'"),
        (["--data", "elsewhere.csv", "--kinds", "city"], "takes NAME=KIND, got 'city'"),
        (
            ["--data", "elsewhere.csv", "--test", "test.csv"],
            "come together, or neither",
        ),
    ],
)
def test_what_cannot_be_a_table_is_told(arguments, sentence, trained, folder):
    del trained
    where = [folder / a if str(a).endswith(".csv") else a for a in arguments]
    done = run("autoregressive/custom", *STEPS, *where, "--workdir", folder / "bad")
    assert done.returncode == 2
    assert any(part in done.stderr for part in sentence.split("|")), done.stderr


def test_runs_that_are_of_no_table_are_told(tmp_path, folder):
    (tmp_path / "config.json").write_text("{}")
    done = run(
        "score",
        tmp_path,
        "--data",
        folder / "elsewhere.csv",
        "--out",
        tmp_path / "x.csv",
    )
    assert done.returncode == 2
    assert "is not the record of a run" in done.stderr
