"""Tables for the experiments: a user's own, or a known one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from experiments.config import RunConfig
from genjax.data import Columns, fit_columns, fit_standardiser, read_frame
from genjax.errors import InputError

NAMED = {
    "elevators": (),
    "kin40k": (),
    "parkinsons": (),
    "protein": ("7",),
    "wine": (),
}
"""Known UCI sets, and their columns that repeat another one."""


@dataclass(frozen=True, kw_only=True)
class TableConfig(RunConfig):
    """Where a table comes from, and what its columns hold."""

    data: str = ""
    """A table: .csv (commas or semicolons) or .tsv, plain or with .gz, .parquet, .npy
    or .npz; or the name of a UCI set that `folder` holds. Without one, an embedded
    table."""
    validation: str = ""
    """The validation rows, where a split is given; cut from the data otherwise."""
    test: str = ""
    """The test rows, where a split is given; cut from the data otherwise."""
    header: bool | None = None
    """Whether the first row holds names; where it holds no value, it does."""
    folder: str = ""
    """Where UCI sets are kept, each as NAME/data.csv.gz."""
    key: str | None = None
    """Which array of an .npz."""
    drop: tuple[str, ...] = ()
    """Columns to leave out, by name or counted from 0."""
    kinds: tuple[str, ...] = ()
    """What columns hold, NAME=real, NAME=bits or NAME=classes; by their values
    otherwise: bits are 0 and 1, classes whole numbers from 0 to 31."""
    encode: bool = False
    """Take texts for classes."""
    impute: bool = False
    """Fill holes in training rows: by the median, or the most frequent value."""


class Rows(NamedTuple):
    """The rows of a table, cut into three."""

    train: Any
    validation: Any
    test: Any


class Prepared(NamedTuple):
    """A table as a model sees it.

    Fields:
        columns: fitted on the training rows.
        rows: encoded.
    """

    columns: Columns
    rows: Rows


def prepare(
    config: TableConfig, default: pa.Table, *, unique: bool, kind: str | None = None
) -> Prepared:
    """Reads the table of a configuration, and encodes its rows.

    Args:
        config: what to read.
        default: the table where nothing is named.
        unique: whether repeated rows are dropped before they are cut.
        kind: of all columns; by their values when None.

    Raises:
        InputError: there is no such table or column, or a value cannot be taken.
    """
    table = read(config, default)
    if bool(config.validation) != bool(config.test):
        raise InputError("--validation and --test come together, or neither.")
    kinds = dict.fromkeys(table.column_names, kind) if kind else _kinds(config)
    if kind and config.kinds:
        raise InputError(f"--kinds: all columns of this model are {kind}.")
    how = {"kinds": kinds, "encode": config.encode, "impute": config.impute}
    if not config.validation:
        places = cut(np.arange(table.num_rows)[_kept(table, unique=unique)])
        columns = fit_columns(table, train=places.train, **how)
        parts = [table.take(each) for each in places]
        return Prepared(columns, Rows(*map(columns.encode, parts)))
    parts = [table]
    for path in (config.validation, config.test):
        part = _read(config, path)
        lacking = [n for n in table.column_names if n not in part.column_names]
        if lacking:
            raise InputError(f"{path} has no column {lacking[0]!r}.")
        parts.append(part.select(table.column_names))
    for path, part in zip(
        (config.data, config.validation, config.test), parts, strict=True
    ):
        try:
            fit_columns(part, **how)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    whole = pa.concat_tables(parts, promote_options="permissive")
    columns = fit_columns(whole, train=np.arange(table.num_rows), **how)
    return Prepared(columns, Rows(*map(columns.encode, parts)))


def _kinds(config: TableConfig) -> dict[str, str]:
    kinds = {}
    for given in config.kinds:
        name, equals, kind = given.rpartition("=")
        if not equals:
            raise InputError(f"--kinds takes NAME=KIND, got {given!r}.")
        kinds[name] = kind
    return kinds


def read(config: TableConfig, default: pa.Table) -> pa.Table:
    """Returns the table of a configuration, without the columns to drop.

    Args:
        config: what to read.
        default: the table where nothing is named.

    Raises:
        InputError: there is no such table, no such column, or no column left.
    """
    return _without(config, _table(config, default))


def embedded(load: Callable[[], Any], *, columns: int | None = None) -> pa.Table:
    """A table that scikit-learn brings.

    Args:
        load: one of its loaders.
        columns: how many of the first to take; all when None.
    """
    found = load()
    names = found["feature_names"][:columns]
    return pa.table(dict(zip(names, found["data"].T[:columns], strict=True)))


def numbers(table: pa.Table) -> np.ndarray:
    """Returns a table of real numbers as float32 `[rows, columns]`.

    Args:
        table: without texts or missing values.

    Raises:
        InputError: a value is missing, or no number.
    """
    fit_columns(table, kinds=dict.fromkeys(table.column_names, "real"))
    columns = [column.to_numpy() for column in table.columns]
    return np.stack(columns, axis=1).astype(np.float32)


def cut(table: np.ndarray, *, unique: bool = False, seed: int = 0) -> Rows:
    """Shuffles: a tenth for testing, a tenth for validation, and the rest.

    Args:
        table: `[rows, ...]`.
        unique: whether repeated rows are dropped first.
        seed: of the shuffle.

    Raises:
        InputError: there are fewer than 100 rows.
    """
    table = np.unique(table, axis=0) if unique else table
    if len(table) < 100:
        raise InputError(f"--data: at least 100 rows are needed, got {len(table)}.")
    table = np.random.default_rng(seed).permutation(table)
    tenth = len(table) // 10
    test, validation, train = np.split(table, [tenth, 2 * tenth])
    return Rows(train, validation, test)


def standardised(rows: Rows) -> Rows:
    """Standardises the columns on the training rows."""
    standardise = fit_standardiser(rows.train).apply
    return Rows(*(standardise(part) for part in rows))


def _table(config: TableConfig, default: pa.Table) -> pa.Table:
    if config.data in NAMED:
        path = Path(config.folder) / config.data / "data.csv.gz"
        if not path.is_file():
            raise InputError(
                f"--data: there is no {path}; --folder must hold the set "
                f"{config.data!r}, or name a file by --data."
            )
        return read_frame(path)
    return _read(config, config.data) if config.data else default


def _read(config: TableConfig, path: str) -> pa.Table:
    return read_frame(path, key=config.key, header=config.header)


def _without(config: TableConfig, table: pa.Table) -> pa.Table:
    names = table.column_names
    dropped = []
    for given in config.drop or NAMED.get(config.data, ()):
        if given in names:
            dropped.append(given)
        elif given.isdigit() and int(given) < len(names):
            dropped.append(names[int(given)])
        else:
            raise InputError(
                f"--drop: there is no column {given!r}: they are {names}, or 0 to "
                f"{len(names) - 1}."
            )
    kept = table.drop_columns(dropped)
    if not kept.column_names:
        raise InputError(f"--drop: no column is left of {len(names)}.")
    return kept


def _kept(table: pa.Table, *, unique: bool) -> np.ndarray:
    """The places of the rows to cut: all, or those that differ, in their order."""
    if not unique:
        return np.arange(table.num_rows)
    columns = [column.combine_chunks() for column in table.columns]
    codes = [_codes(column) for column in columns]
    return np.unique(np.stack(codes, axis=1), axis=0, return_index=True)[1]


def _codes(column: pa.Array) -> np.ndarray:
    """Numbers that are ordered, and equal, as the values of a column are."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        values = values.astype(np.float32)
    else:
        values = np.array(["" if v is None else str(v) for v in column.to_pylist()])
    return np.unique(values, return_inverse=True)[1].reshape(-1)
