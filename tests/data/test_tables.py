import gzip

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from genjax.data import read_table
from genjax.errors import InputError

TABLE = np.array([[1.0, 2.5], [3.0, -4.0]], np.float32)


def write(path, text):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt") as file:
        file.write(text)
    return path


def test_every_format_gives_the_same_table(tmp_path):
    np.save(tmp_path / "t.npy", TABLE)
    np.savez(tmp_path / "t.npz", only=TABLE)
    np.savez(tmp_path / "two.npz", a=TABLE, b=TABLE + 1)
    write(tmp_path / "t.csv", "a,b\n1,2.5\n3,-4\n")
    write(tmp_path / "plain.csv", "1,2.5\n3,-4\n")
    write(tmp_path / "t.csv.gz", "a,b\n1,2.5\n3,-4\n")
    parquet.write_table(pa.table({"a": [1, 3], "b": [2.5, -4]}), tmp_path / "t.parquet")
    for name in ("t.npy", "t.npz", "t.csv", "plain.csv", "t.csv.gz", "t.parquet"):
        np.testing.assert_array_equal(read_table(tmp_path / name), TABLE, name)
    np.testing.assert_array_equal(read_table(tmp_path / "two.npz", key="a"), TABLE)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "a,b\n1,2\n3,\n", r"row 2, column 'b' is missing"),
        ("a.csv", "a,b\n1,2\n3,red\n", r"row 2, column 'b' is 'red', not a number"),
        ("a.csv", "a,b\n1,2\n3,nan\n", r"row 2, column 'b' is missing"),
        ("a.csv", "a\n1e39\n2\n", r"row 1, column 'a' is 1e\+39, which is not finite"),
        ("a.csv", "a,b\n1,2\n3,inf\n", r"row 2, column 'b' is inf"),
        ("a.csv", "a,b\n1,2\n3\n", r"cannot be read"),
        ("a.csv", "1,,3\n4,5,6\n", r"row 1, column 'f1' is missing"),
        ("a.npz", "no numbers", r"not a NumPy file"),
        ("a.csv", "a,b\n", r"must have rows and columns"),
        ("a.csv", "?,?\n1,2\n", r"row 1, column 'f0' is '\?', not a number"),
        ("a.csv", "NA,NA\n1,2\n", r"row 1, column 'f0' is missing"),
        ("a.txt", "1", r"must end in"),
        ("a.npy", "no numbers", r"not a NumPy file"),
    ],
)
def test_bad_tables_are_refused_with_the_place(tmp_path, name, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_table(write(tmp_path / name, text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('"1","2"\n"3","4"\n', [[1, 2], [3, 4]]),
        ("\ufeff1\n3\n", [[1], [3]]),
        ("\n\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("true,false\nfalse,true\n", [[1, 0], [0, 1]]),
        ("0x10\n0x11\n", [[16], [17]]),
        ("-1e3\r\n+2\r\n", [[-1000], [2]]),
        ('"a, b",c\n1,2\n', [[1, 2]]),
    ],
    ids=["quoted", "byte-order mark", "blank", "truth", "hex", "signs", "a comma"],
)
def test_the_first_row_is_never_lost(text, wanted, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read_table(path), wanted)


def test_a_header_can_be_said_to_be_one_or_none(tmp_path):
    path = write(tmp_path / "t.csv", "0,1\n2,3\n")
    np.testing.assert_array_equal(read_table(path), [[0, 1], [2, 3]])
    np.testing.assert_array_equal(read_table(path, header=True), [[2, 3]])
    path = write(tmp_path / "names.csv", "a,b\n2,3\n")
    with pytest.raises(InputError, match="row 1, column 'f0' is 'a', not a number"):
        read_table(path, header=False)


def test_row_numbers_of_pandas_are_no_column(tmp_path):
    columns = pa.table({"x": [1.0, 2.0], "__index_level_0__": [10, 20]})
    parquet.write_table(columns, tmp_path / "t.parquet")
    np.testing.assert_array_equal(read_table(tmp_path / "t.parquet"), [[1], [2]])


def test_an_archive_by_the_name_of_an_array_is_told(tmp_path):
    np.savez(tmp_path / "t.npz", TABLE)
    (tmp_path / "t.npz").rename(tmp_path / "t.npy")
    with pytest.raises(InputError, match=r"is an archive of arrays: name it \.npz"):
        read_table(tmp_path / "t.npy")


def test_missing_files_and_keys(tmp_path):
    with pytest.raises(InputError, match="there is no table"):
        read_table(tmp_path / "absent.csv")
    np.savez(tmp_path / "two.npz", a=TABLE, b=TABLE)
    with pytest.raises(InputError, match=r"one of its arrays \['a', 'b'\]"):
        read_table(tmp_path / "two.npz")


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", only=np.array([{}, []], object))
    with pytest.raises(InputError, match="not a NumPy file of numbers"):
        read_table(tmp_path / "objects.npz")


@pytest.mark.shared_data
def test_a_real_table(shared_data):
    files = sorted((shared_data / "uci_small").rglob("*.csv.gz"))
    assert read_table(files[0]).shape[0] > 100
