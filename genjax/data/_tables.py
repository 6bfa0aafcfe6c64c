"""Tables of numbers: `.npy`, `.npz`, `.csv`, `.tsv` (both with `.gz`), `.parquet`."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genjax.errors import InputError, extra

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(
    path: str | Path, *, key: str | None = None, header: bool | None = None
) -> np.ndarray:
    """Reads a table of numbers as float32 `[rows, columns]`.

    Args:
        path: the file; its ending tells the format.
        key: which array of an `.npz`; needed where it holds several.
        header: whether the first row of a `.csv` holds names. When None it does where
            none of its cells is a number, a truth value, or empty, `?` or `NA`.

    Raises:
        InputError: the file is not there, of another format, empty, or has a value that
            is missing or is no number; the sentence names its row and column.

    >>> import numpy as np
    >>> from genjax.data import read_table
    >>> from pathlib import Path
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rows.csv"
    ...     np.savetxt(path, [[1, 2], [3, 4]], delimiter=",")
    ...     read_table(path).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    path = Path(path)
    found = _read(path, key=key, header=header)
    if isinstance(found, np.ndarray):
        return _check(path, found, None)
    if found.num_rows:
        for name, column in zip(found.column_names, found.columns, strict=True):
            _check_column(path, name, column)
    columns = [column.to_numpy() for column in found.columns]
    return _check(path, np.stack(columns, axis=1), found.column_names)


def read_arrow(path: Path, *, key: str | None, header: bool | None) -> "pa.Table":
    """Reads a table as it is, with texts and missing values; see `read_frame`.

    Args:
        path: the file.
        key: which array of an `.npz`.
        header: whether the first row holds names.

    Raises:
        InputError: as `read_frame` says.
    """
    with extra("data"):
        import pyarrow as pa

    found = _read(path, key=key, header=header)
    if isinstance(found, np.ndarray):
        if found.ndim != 2 or found.dtype.kind not in "bifu":
            raise InputError(
                f"{path.name}: a table is rows of numbers, got {found.dtype} of the "
                f"shape {found.shape}."
            )
        found = pa.table({str(i): column for i, column in enumerate(found.T)})
    if not found.num_rows:
        raise InputError(f"{path.name}: a table must have rows and columns.")
    return found


def _read(
    path: Path, *, key: str | None, header: bool | None
) -> "np.ndarray | pa.Table":
    if not path.is_file():
        raise InputError(f"there is no table at {path}.")
    ending = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    if ending == ".npy":
        with _numpy_errors(path):
            array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise InputError(f"{path.name} is an archive of arrays: name it .npz.")
        return array
    if ending == ".npz":
        return _pick(path, key)
    if ending in (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"):
        return _read_columns(path, ending, header=header)
    raise InputError(
        f"{path.name}: a table must end in .npy, .npz, .csv, .tsv (both may have .gz) "
        "or .parquet."
    )


@contextmanager
def _numpy_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged bytes lead its parsers anywhere
        raise InputError(f"{path.name} is not a NumPy file of numbers: {error}.") from (
            error
        )


def _pick(path: Path, key: str | None) -> np.ndarray:
    with _numpy_errors(path), np.load(path, allow_pickle=False) as archive:
        names = sorted(archive)
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            raise InputError(
                f"{path.name}: name one of its arrays {names}, got {key!r}."
            )
        return archive[key]


def _read_columns(path: Path, ending: str, *, header: bool | None) -> "pa.Table":
    with extra("data"):
        import pyarrow as pa
        from pyarrow import parquet
        from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

    try:
        if ending == ".parquet":
            table = parquet.read_table(path)
            # The row numbers that pandas writes beside the columns.
            index = re.compile(r"__index_level_\d+__")
            table = table.drop_columns(
                [name for name in table.column_names if index.fullmatch(name)]
            )
        else:
            delimiter = _delimiter(path, ending)
            header = _has_header(path, delimiter) if header is None else header
            table = read_csv(
                path,
                read_options=ReadOptions(autogenerate_column_names=not header),
                parse_options=ParseOptions(delimiter=delimiter),
                convert_options=ConvertOptions(strings_can_be_null=True),
            )
        if not table.column_names:
            raise InputError(f"{path.name}: a table must have rows and columns.")
        twice = [n for n in table.column_names if table.column_names.count(n) > 1]
        if twice:
            raise InputError(f"{path.name}: the column {twice[0]!r} is there twice.")
        return table
    except (pa.ArrowException, OSError, EOFError, UnicodeError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be read: {error}.") from error


def _row(path: Path, delimiter: str, place: int) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        lines = (line.replace("\0", "") for line in file)
        rows = csv.reader(lines, delimiter=delimiter)
        there = islice((row for row in rows if row), place, None)
        return [cell.strip() for cell in next(there, [])]


def _delimiter(path: Path, ending: str) -> str:
    """The tab of a `.tsv`; of a `.csv`, what cuts its first row into the most cells."""
    if ending.startswith(".tsv"):
        return "\t"
    return max(",;\t", key=lambda cut: len(_row(path, cut, 0)))


def _has_header(path: Path, delimiter: str) -> bool:
    first = _row(path, delimiter, 0)
    if _is_run_of_numbers(first):
        raise InputError(
            f"{path.name}: its first row, {', '.join(first[:3])}, ..., may be names or "
            "numbers: say which (header)."
        )
    if not any(_is_value(cell) for cell in first if cell):
        return any(first)  # an index without a name is that of pandas
    # A text above a number is a name.
    second = _row(path, delimiter, 1)
    pairs = zip(first, second, strict=False)
    return any(not _is_value(a) and _is_number(b) for a, b in pairs)


def _is_run_of_numbers(cells: Sequence[str]) -> bool:
    """Whether cells are n, n + 1, n + 2, ..., as names of columns may be."""
    if len(cells) < 3 or not all(cell.isdigit() for cell in cells):
        return False
    return [int(cell) - int(cells[0]) for cell in cells] == list(range(len(cells)))


def _is_value(cell: str) -> bool:
    """Whether a cell is data, or would be if it were whole."""
    marks = {"", "?", "na", "n/a", "nan", "null", "none", "true", "false"}
    is_hexadecimal = re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", cell) is not None
    return cell.lower() in marks or is_hexadecimal or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_column(path: Path, name: str, column) -> None:
    with extra("data"):
        import pyarrow as pa

    kind = column.type
    numeric = (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
    )
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        raise InputError(f"{path.name}: row {row + 1}, column {name!r} is missing.")
    if not numeric:
        values = [value.as_py() for value in column]
        wrong = [i for i, value in enumerate(values) if not _is_number(str(value))]
        row = wrong[0] if wrong else 0
        value = values[row]
        raise InputError(
            f"{path.name}: row {row + 1}, column {name!r} is {value!r}, not a number; "
            "encode text columns first (or say header=True, if these are names)."
        )


def _check(path: Path, table: np.ndarray, names: list[str] | None) -> np.ndarray:
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(
            f"{path.name}: a table must have rows and columns, got the shape "
            f"{table.shape}."
        )
    if table.dtype.kind not in "bifu":
        raise InputError(f"{path.name}: its values are {table.dtype}, not numbers.")
    with np.errstate(over="ignore"):
        narrow = table.astype(np.float32)
    bad = np.argwhere(~np.isfinite(narrow))
    if len(bad):
        row, column = bad[0].tolist()
        name = repr(names[column]) if names else column + 1
        raise InputError(
            f"{path.name}: row {row + 1}, column {name} is {table[row, column]}, which "
            "is not finite in float32."
        )
    return narrow
