"""Tables of numbers: `.npy`, `.npz`, `.csv`, `.csv.gz` and `.parquet`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from genjax.errors import InputError, extra


def read_table(path: str | Path, *, key: str | None = None) -> np.ndarray:
    """Reads a table of numbers as float32 `[rows, columns]`.

    Args:
        path: the file; its ending tells the format. A `.csv` may have a header.
        key: which array of an `.npz`; needed where it holds several.

    Raises:
        InputError: the file is not there, of another format, empty, or has a value that
            is missing or is no number; the sentence names its row and column.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rows.csv"
    ...     np.savetxt(path, [[1, 2], [3, 4]], delimiter=",")
    ...     read_table(path).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no table at {path}.")
    ending = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    if ending == ".npy":
        with _numpy_errors(path):
            table, names = np.load(path, allow_pickle=False), None
    elif ending == ".npz":
        table, names = _pick(path, key), None
    elif ending in (".csv", ".csv.gz", ".parquet"):
        table, names = _read_columns(path, ending)
    else:
        raise InputError(
            f"{path.name}: a table must end in .npy, .npz, .csv, .csv.gz or .parquet."
        )
    return _check(path, table, names)


@contextmanager
def _numpy_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (ValueError, OSError, EOFError, BadZipFile) as error:
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


def _read_columns(path: Path, ending: str) -> tuple[np.ndarray, list[str]]:
    with extra("data"):
        import pyarrow as pa
        from pyarrow import csv, parquet

    try:
        if ending == ".parquet":
            table = parquet.read_table(path)
        else:
            header = _has_header(path)
            options = csv.ReadOptions(autogenerate_column_names=not header)
            table = csv.read_csv(path, read_options=options)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise InputError(f"{path.name} cannot be read: {error}.") from error
    if table.num_rows:
        for name, column in zip(table.column_names, table.columns, strict=True):
            _check_column(path, name, column)
    return np.stack([c.to_numpy() for c in table.columns], axis=1), table.column_names


def _has_header(path: Path) -> bool:
    import gzip

    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", errors="replace") as file:
        first = file.readline().strip().split(",")
    return not any(_is_number(cell) for cell in first)


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
            "encode text columns first."
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
