import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from genjax.data import Columns, fit_columns, read_frame, write_frame
from genjax.errors import InputError

RANDOM = np.random.default_rng(0)


def people(n=60):
    return pa.table(
        {
            "height": RANDOM.normal(170, 10, n),
            "smokes": RANDOM.integers(0, 2, n),
            "children": RANDOM.integers(0, 4, n),
            "city": RANDOM.choice(["Oslo", "Rome", "Bern"], n),
        }
    )


def test_columns_come_back_on_fifty_random_tables():
    for seed in range(50):
        random = np.random.default_rng(seed)
        n = int(random.integers(5, 200))
        scale = 10.0 ** random.uniform(-6, 6)
        table = pa.table(
            {
                "real": random.normal(scale, scale, n),
                "wide": random.standard_t(1, n) * 1e3,
                "bits": random.integers(0, 2, n),
                "text": random.choice(["a", "b, c", 'd"'], n),
            }
        )
        columns = fit_columns(table, encode=True)
        columns = Columns.from_json(columns.to_json())
        back = columns.decode(columns.encode(table))
        for name in ("bits", "text"):
            assert back.column(name).to_pylist() == table.column(name).to_pylist()
        for name in ("real", "wide"):
            found, wanted = back.column(name).to_numpy(), table.column(name).to_numpy()
            reach = np.abs(wanted).max()
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * reach)


def test_the_log_determinant_is_that_of_the_scales():
    table = pa.table({"a": [1.0, 3.0, 8.0], "b": [0, 1, 1], "c": [10.0, 30.0, 20.5]})
    columns = fit_columns(table)
    jacobian = np.diff(columns.encode(table), axis=0)[0, [0, 2]] / np.array([2.0, 20.0])
    np.testing.assert_allclose(columns.log_det, np.log(jacobian).sum(), rtol=1e-5)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_what_is_written_is_read(ending, tmp_path):
    table = people()
    write_frame(table, tmp_path / f"t{ending}")
    assert read_frame(tmp_path / f"t{ending}").to_pydict() == table.to_pydict()
    with pytest.raises(InputError, match="is there already"):
        write_frame(table, tmp_path / f"t{ending}")


def test_semicolons_and_missing_values_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("name;age\nx;1,5\n;2\n")
    assert read_frame(tmp_path / "a.csv").column_names == ["name", "age"]
    (tmp_path / "b.csv").write_text("name;age\nx;1.5\n;NA\n")
    assert read_frame(tmp_path / "b.csv").to_pydict() == {
        "name": ["x", None],
        "age": [1.5, None],
    }
    np.save(tmp_path / "c.npy", np.eye(2))
    assert read_frame(tmp_path / "c.npy").column_names == ["0", "1"]
    parquet.write_table(people(), tmp_path / "d.parquet")
    assert read_frame(tmp_path / "d.parquet").column_names[3] == "city"


def test_holes_are_filled_or_kept_or_refused():
    table = pa.table({"a": [1.5, None, 5.0, 9.0], "b": ["x", "x", "y", None]})
    with pytest.raises(InputError, match="row 2, column 'a' is missing: values are"):
        fit_columns(table, encode=True)
    columns = fit_columns(table, encode=True, impute=True)
    assert [c.fill for c in columns.columns] == [5.0, "x"]
    encoded = columns.encode(table)
    assert columns.decode(encoded).column("a")[1].as_py() == pytest.approx(5.0)
    assert encoded[3, 1] == 0
    plain = fit_columns(pa.table({"a": [1.5, 5.0]}))
    holes = plain.encode(pa.table({"a": [None, 5.0]}), missing=True)
    assert np.isnan(holes[0, 0])
    with pytest.raises(InputError, match="row 1, column 'a' is missing"):
        plain.encode(pa.table({"a": [None, 5.0]}))


@pytest.mark.parametrize(
    ("table", "fields", "sentence"),
    [
        ({"a": ["x", "y"]}, {}, "row 1, column 'a' is 'x', not a number"),
        ({"a": [1.0, 1.0]}, {"kinds": {"a": "real"}}, "'a' is constant, 1: leave it"),
        ({"a": [1.0, 1e39]}, {}, r"row 2, column 'a' is 1e\+39, which is not finite"),
        (
            {"a": [0.5, 1]},
            {"kinds": {"a": "bits"}},
            "row 1, column 'a' is 0.5: bits",
        ),
        ({"a": [1, 40]}, {"kinds": {"a": "classes"}}, "whole numbers from 0 to 31"),
        ({"a": [1, 2]}, {"kinds": {"b": "real"}}, "kinds: b=real: the columns are"),
        ({"a": [1, 2]}, {"kinds": {"a": "date"}}, "the kinds real, bits, classes"),
        ({"a": [None, None]}, {}, "column 'a' holds no value"),
    ],
)
def test_what_cannot_be_a_column_is_told(table, fields, sentence):
    with pytest.raises(InputError, match=sentence):
        fit_columns(pa.table(table), **fields)


def test_rows_that_training_did_not_have_are_told():
    columns = fit_columns(people(), encode=True)
    rows = people(3).to_pydict()
    for name, value, sentence in (
        ("city", "Paris", "row 2, column 'city' is 'Paris', a class that training did"),
        ("children", 9, "row 2, column 'children' is 9, a class"),
        ("height", float("inf"), "row 2, column 'height' is inf"),
    ):
        wrong = {**rows, name: [rows[name][0], value, rows[name][2]]}
        with pytest.raises(InputError, match=sentence):
            columns.encode(pa.table(wrong))
    del rows["smokes"]
    with pytest.raises(InputError, match="has no column 'smokes'; the model has seen"):
        columns.encode(pa.table(rows))
    with pytest.raises(InputError, match="row 1, column 'height' is 'tall', not a num"):
        columns.encode(pa.table({**people(1).to_pydict(), "height": ["tall"]}))


def test_names_that_are_numbers_are_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("0,1,2\n5,6,7\n")
    with pytest.raises(InputError, match=r"0, 1, 2, ..., may be names or numbers"):
        read_frame(tmp_path / "a.csv")
    assert read_frame(tmp_path / "a.csv", header=True).num_rows == 1
    assert read_frame(tmp_path / "a.csv", header=False).num_rows == 2
    (tmp_path / "b.csv").write_text("a,a\n1,2\n")
    with pytest.raises(InputError, match="the column 'a' is there twice"):
        read_frame(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (",a,b\n0,1.5,2\n", ["", "a", "b"]),
        ("name,2,3\n7.5,2,3\n", ["name", "2", "3"]),
        ("a;b\n1.5;x\n", ["a", "b"]),
    ],
)
def test_names_are_found_beside_numbers_and_without_a_name(text, names, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    found = read_frame(tmp_path / "a.csv")
    assert found.column_names == names
    assert found.num_rows == 1


def test_decimal_commas_and_texts_of_many_kinds_are_no_classes():
    with pytest.raises(InputError, match="holds decimal commas, such as '1,5'"):
        fit_columns(pa.table({"a": ["1,5", "2,25"]}), encode=True)
    many = pa.table({"a": [f"id{i}" for i in range(40)]})
    with pytest.raises(InputError, match="holds 40 different texts, more than 32"):
        fit_columns(many, encode=True)
    assert len(fit_columns(many, kinds={"a": "classes"}, encode=True).columns[0].levels)


def test_levels_are_of_all_rows_and_scales_of_training():
    table = pa.table({"a": [1.5, 2.5, 9.0], "b": [0, 1, 7], "c": ["1", "2", "x"]})
    columns = fit_columns(table, encode=True, train=np.array([0, 1]))
    assert [c.mean for c in columns.columns] == [2.0, 0.0, 0.0]
    assert len(columns.columns[1].levels) == 8
    numbers = pa.table({"a": [1.0], "b": [2], "c": [2]})
    assert columns.encode(numbers)[0].tolist() == [-2.0, 2.0, 1.0]


def test_truths_come_back_as_truths():
    table = pa.table({"smokes": [True, False, True], "age": [30.0, 40.0, 50.0]})
    columns = Columns.from_json(json.loads(json.dumps(fit_columns(table).to_json())))
    assert columns.columns[0].levels == (False, True)
    found = columns.decode(columns.encode(table)).column("smokes")
    assert found.to_pylist() == [True, False, True]
