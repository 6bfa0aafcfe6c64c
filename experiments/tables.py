"""Tables of numbers for the experiments: a user's own, or a known one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.config import RunConfig
from genjax.data import fit_standardiser, read_table
from genjax.errors import InputError

NAMED = {
    "elevators": (),
    "kin40k": (),
    "parkinsons": (),
    "protein": (7,),
    "wine": (),
}
"""Known UCI sets, and their columns that repeat another one."""


@dataclass(frozen=True, kw_only=True)
class TableConfig(RunConfig):
    """Where a table comes from."""

    data: str = ""
    """A table: .npy, .npz, .csv, .csv.gz or .parquet; or the name of a UCI set that
    `folder` holds. Without one, an embedded table."""
    folder: str = ""
    """Where UCI sets are kept, each as NAME/data.csv.gz."""
    key: str | None = None
    """Which array of an .npz."""
    drop: tuple[int, ...] = ()
    """Columns to leave out, counted from 0: those that repeat another one."""


class Rows(NamedTuple):
    """The rows of a table, cut into three."""

    train: Any
    validation: Any
    test: Any


def read(config: TableConfig, embedded: np.ndarray) -> np.ndarray:
    """Returns the table of a configuration, without the columns to drop.

    Args:
        config: what to read.
        embedded: the table where nothing is named.

    Raises:
        InputError: there is no such table, no such column, or no column left.
    """
    table = _table(config, embedded)
    drop = config.drop or NAMED.get(config.data, ())
    wrong = [c for c in drop if not 0 <= c < table.shape[1]]
    if wrong:
        raise InputError(
            f"--drop: the table has the columns 0 to {table.shape[1] - 1}, got {wrong}."
        )
    kept = np.delete(table, drop, axis=1)
    if not kept.shape[1]:
        raise InputError(f"--drop: no column is left of {table.shape[1]}.")
    return kept


def cut(table: np.ndarray, *, unique: bool, seed: int = 0) -> Rows:
    """Shuffles: a tenth for testing, a tenth for validation, and the rest.

    Args:
        table: `[rows, columns]`.
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


def _table(config: TableConfig, embedded: np.ndarray) -> np.ndarray:
    if config.data in NAMED:
        path = Path(config.folder) / config.data / "data.csv.gz"
        if not path.is_file():
            raise InputError(
                f"--data: there is no {path}; --folder must hold the set "
                f"{config.data!r}, or name a file by --data."
            )
        return read_table(path)
    if config.data:
        return read_table(config.data, key=config.key)
    return embedded.astype(np.float32)
