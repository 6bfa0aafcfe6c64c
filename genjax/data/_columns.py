"""Tables with named columns of several kinds, to the numbers of a model and back."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genjax.data._tables import read_arrow
from genjax.errors import InputError, RunError, extra

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = ("real", "bits", "classes")
MOST_CLASSES = 32


class Column(NamedTuple):
    """A column of a table, as a model sees it.

    Fields:
        name: of the column.
        kind: `"real"`, `"bits"` or `"classes"`.
        levels: of bits and classes: the value of 0, of 1, ..., False and True too.
        mean: of real numbers.
        scale: of real numbers: their standard deviation.
        fill: what stands where a value is missing; None where that is refused.
    """

    name: str
    kind: str
    levels: tuple[Any, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    fill: Any = None


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a table, fitted to training rows.

    Real numbers are standardised; bits and classes are 0, 1, ... in the order of their
    levels.

    Args:
        columns: as `fit_columns` finds them.
    """

    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def log_det(self) -> float:
        """The log-determinant of `encode`: -sum log scale, over the real columns.

        A log-density in the units of the table is that of the encoded row plus this.
        """
        scales = [c.scale for c in self.columns if c.kind == "real"]
        return -float(np.sum(np.log(scales)))

    def encode(self, table: "pa.Table", *, missing: bool = False) -> np.ndarray:
        """Returns the rows as float32 `[rows, columns]`.

        Args:
            table: rows with these columns, in any order; others are left out.
            missing: whether values may be missing, which gives NaN.

        Raises:
            InputError: a column is not there, or a value is missing, no number, or a
                class that training did not have; the sentence names row and column.
        """
        absent = [name for name in self.names if name not in table.column_names]
        if absent:
            raise InputError(
                f"the table has no column {absent[0]!r}; the model has seen "
                f"{list(self.names)}, the table has {table.column_names}."
            )
        encoded = [
            _encode(column, table.column(column.name), missing=missing)
            for column in self.columns
        ]
        return np.stack(encoded, axis=1)

    def decode(self, x: np.ndarray) -> "pa.Table":
        """Returns rows in the units and with the values of the table.

        Args:
            x: `[rows, columns]`, as `encode` gives them.
        """
        with extra("data"):
            import pyarrow as pa

        x = np.asarray(x, np.float64)
        decoded = {}
        for column, values in zip(self.columns, x.T, strict=True):
            if column.kind == "real":
                digits = 7 - int(np.floor(np.log10(column.scale)))  # those of float32
                value = values * column.scale + column.mean
                decoded[column.name] = np.round(value, digits)
            else:
                levels = [column.levels[place] for place in values.astype(int)]
                decoded[column.name] = pa.array(levels)
        return pa.table(decoded)

    def to_json(self) -> list[dict[str, Any]]:
        """Returns what `from_json` takes, as JSON has it."""
        return [{**c._asdict(), "levels": list(c.levels)} for c in self.columns]

    @classmethod
    def from_json(cls, fields: Sequence[Mapping[str, Any]]) -> "Columns":
        """Returns the columns that `to_json` gave.

        Raises:
            InputError: these are others.
        """
        try:
            found = [Column(**field) for field in fields]
            return cls(tuple(c._replace(levels=tuple(c.levels)) for c in found))
        except (TypeError, KeyError) as error:
            raise InputError(f"these are no columns of a table: {error}.") from error


def read_frame(
    path: str | Path, *, key: str | None = None, header: bool | None = None
) -> "pa.Table":
    r"""Reads a table with its names: numbers, texts, and missing values.

    Args:
        path: `.csv` (commas or semicolons) or `.tsv`, plain or with `.gz`, `.parquet`,
            `.npy` or `.npz`; columns of an array are named `"0"`, `"1"`, ...
        key: which array of an `.npz`.
        header: as in `read_table`.

    Raises:
        InputError: the file is not there, of another format, damaged or empty.

    >>> from genjax.data import read_frame
    >>> from pathlib import Path
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "people.csv"
    ...     _ = path.write_text("age,city\n31,Rome\n,Oslo\n")
    ...     read_frame(path).to_pydict()
    {'age': [31, None], 'city': ['Rome', 'Oslo']}
    """
    return read_arrow(Path(path), key=key, header=header)


def fit_columns(
    table: "pa.Table",
    *,
    kinds: Mapping[str, str] | None = None,
    encode: bool = False,
    impute: bool = False,
    train: np.ndarray | None = None,
) -> Columns:
    """Finds what the columns of a table hold.

    Bits are columns of two numbers 0 and 1, classes those of whole numbers from 0 to
    31, and real numbers all others, unless `kinds` says otherwise.

    Args:
        table: the rows.
        kinds: of columns by their names: `"real"`, `"bits"` or `"classes"`.
        encode: take texts for classes, in their alphabetical order, by scikit-learn's
            `OrdinalEncoder`; they are refused otherwise.
        impute: where a value is missing, take the median of a real column and the most
            frequent value of another, by scikit-learn's `SimpleImputer`; missing values
            are refused otherwise.
        train: which rows are for training: means, scales and what fills holes are
            theirs; all when None. Levels are those of all rows.

    Raises:
        InputError: `kinds` names no column or no kind, a column is constant and real,
            or a value is missing, a text, or not of its kind; the sentence names row
            and column.

    >>> from genjax.data import fit_columns
    >>> import pyarrow as pa
    >>> table = pa.table({"height": [1.7, 1.9], "smokes": [0, 1], "city": ["b", "a"]})
    >>> [(c.kind, c.levels) for c in fit_columns(table, encode=True).columns]
    [('real', ()), ('bits', (0, 1)), ('classes', ('a', 'b'))]
    """
    kinds = dict(kinds or {})
    for name, kind in kinds.items():
        if name not in table.column_names or kind not in KINDS:
            raise InputError(
                f"kinds: {name}={kind}: the columns are {table.column_names}, the "
                f"kinds {', '.join(KINDS)}."
            )

    def of(name: str) -> Column:
        column, kind = table.column(name), kinds.get(name)
        found = _fit(name, column, kind, encode=encode, impute=impute)
        if train is None:
            return found
        own = _fit(name, column.take(train), found.kind, encode=encode, impute=impute)
        return own._replace(levels=found.levels)

    return Columns(tuple(map(of, table.column_names)))


def write_frame(table: "pa.Table", path: str | Path) -> None:
    """Writes a table: `.csv`, `.tsv` or `.parquet`, by its ending.

    Args:
        table: the rows.
        path: a file that is not there yet.

    Raises:
        InputError: the ending is another one, or the file is there.
        RunError: it cannot be written.

    >>> from genjax.data import read_frame, write_frame
    >>> import tempfile
    >>> import pyarrow as pa
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_frame(pa.table({"age": [31]}), f"{folder}/people.tsv")
    ...     read_frame(f"{folder}/people.tsv").to_pydict()
    {'age': [31]}
    """
    with extra("data"):
        from pyarrow import csv, parquet

    path = Path(path)
    if path.exists():
        raise InputError(f"{path} is there already: name another file.")
    try:
        if path.suffix in (".csv", ".tsv"):
            delimiter = "," if path.suffix == ".csv" else "\t"
            options = csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
            csv.write_csv(table, path, options)
        elif path.suffix == ".parquet":
            parquet.write_table(table, path)
        else:
            raise InputError(
                f"{path.name}: a table is written as .csv, .tsv or .parquet."
            )
    except OSError as error:
        raise RunError(f"cannot write {path}: {error}.") from error


def _values(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """The values of a column, float64 or objects, and where they are missing."""
    with extra("data"):
        import pyarrow as pa

    kind = column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if is_number or pa.types.is_boolean(kind):
        if pa.types.is_boolean(kind):
            column = column.cast(pa.int8())
        values = column.cast(pa.float64(), safe=False).to_numpy()
        return values, np.isnan(values)
    texts = [None if value is None else _text(value) for value in column.to_pylist()]
    values = np.array([*texts, None], object)[:-1]  # never taken for two axes
    return values, np.array([value is None for value in texts], bool)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    is_whole = isinstance(value, float) and value == int(value)
    return str(int(value)) if is_whole else str(value)


def _fit(
    name: str, column: Any, kind: str | None, *, encode: bool, impute: bool
) -> Column:
    values, missing = _values(column)
    there, is_text = values[~missing], values.dtype == object
    if not len(there):
        raise InputError(f"column {name!r} holds no value.")
    if is_text and not encode:
        row = int(np.argmin(missing))
        raise InputError(
            f"row {row + 1}, column {name!r} is {values[row]!r}, not a number: texts "
            "are taken for classes when asked (encode)."
        )
    if missing.any() and not impute:
        raise InputError(
            f"row {np.argmax(missing) + 1}, column {name!r} is missing: values are "
            "filled in when asked (impute)."
        )
    if is_text and all(re.fullmatch(r"[+-]?\d+,\d+", text) for text in there):
        raise InputError(
            f"column {name!r} holds decimal commas, such as {there[0]!r}: write points."
        )
    if is_text and kind is None and len({*there}) > MOST_CLASSES:
        raise InputError(
            f"column {name!r} holds {len({*there})} different texts, more than "
            f"{MOST_CLASSES}: leave it out (drop), or say that they are its "
            "classes (kinds)."
        )
    if is_text and kind not in (None, "classes"):
        raise InputError(f"column {name!r} holds texts, which are classes, not {kind}.")
    kind = "classes" if is_text else kind or _kind_of(there)
    fill = _filled(kind, there) if impute else None
    if kind == "real":
        _check_real(name, values, missing)
        scale = float(there.std())
        if not scale > 1e-12 * max(1.0, float(np.abs(there).max())):
            raise InputError(
                f"column {name!r} is constant, {there[0]:g}: leave it out (drop)."
            )
        return Column(name, kind, (), float(there.mean()), scale, fill)
    levels = _categories(there) if is_text else _levels(name, kind, values, missing)
    if str(column.type) == "bool":
        levels = tuple(map(bool, levels))
    return Column(name, kind, levels, fill=fill)


def _check_real(name: str, values: np.ndarray, missing: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        wrong = ~missing & ~np.isfinite(values.astype(np.float32))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"row {row + 1}, column {name!r} is {values[row]:g}, which is not finite "
            "in float32."
        )


def _categories(texts: np.ndarray) -> tuple[str, ...]:
    with extra("data"):
        from sklearn.preprocessing import OrdinalEncoder

    return tuple(OrdinalEncoder().fit(texts[:, None]).categories_[0].tolist())


def _filled(kind: str, values: np.ndarray) -> Any:
    with extra("data"):
        from sklearn.impute import SimpleImputer

    strategy = "median" if kind == "real" else "most_frequent"
    (found,) = SimpleImputer(strategy=strategy).fit(values[:, None]).statistics_
    return found if isinstance(found, str) else float(found)


def _kind_of(values: np.ndarray) -> str:
    if np.isin(values, (0, 1)).all():
        return "bits"
    whole = (values == np.floor(values)) & (values >= 0) & (values < MOST_CLASSES)
    return "classes" if whole.all() else "real"


def _levels(
    name: str, kind: str, values: np.ndarray, missing: np.ndarray
) -> tuple[Any, ...]:
    most = 2 if kind == "bits" else MOST_CLASSES
    inside = (values >= 0) & (values < most) & (values == np.floor(values))
    wrong = ~missing & ~inside
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"row {row + 1}, column {name!r} is {values[row]:g}: {kind} are whole "
            f"numbers from 0 to {most - 1}."
        )
    highest = int(values[~missing].max())
    return tuple(range(2 if kind == "bits" else max(2, highest + 1)))


def _encode(column: Column, given: Any, *, missing: bool) -> np.ndarray:
    values, absent = _values(given)
    if absent.any() and not missing:
        if column.fill is None:
            row = int(np.argmax(absent))
            raise InputError(f"row {row + 1}, column {column.name!r} is missing.")
        values = np.where(absent, column.fill, values)
        absent = np.zeros_like(absent)
    of_text = bool(column.levels) and isinstance(column.levels[0], str)
    if values.dtype == object and not of_text:
        row = int(np.argmin(absent))
        raise InputError(
            f"row {row + 1}, column {column.name!r} is {values[row]!r}, not a number."
        )
    if column.kind == "real":
        _check_real(column.name, values, absent)
        return ((values - column.mean) / column.scale).astype(np.float32)
    place_of = {level: place for place, level in enumerate(column.levels)}
    known = [None if gone else v for v, gone in zip(values, absent, strict=True)]
    levels = [_text(v) if of_text and v is not None else v for v in known]
    for row, level in enumerate(levels):
        if level is not None and level not in place_of:
            shown = ", ".join(map(str, column.levels[:8]))
            more = ", ..." if len(column.levels) > 8 else ""
            raise InputError(
                f"row {row + 1}, column {column.name!r} is "
                f"{repr(level) if of_text else format(level, 'g')}, a class that "
                f"training did not have: {shown}{more}."
            )
    return np.array([place_of.get(level, np.nan) for level in levels], np.float32)
