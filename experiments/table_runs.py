"""Models of the rows of a table: trained, sampled, scored, completed."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa

from experiments.record import read_run
from experiments.runner import Task, read_variables, spans
from experiments.seeds import of_seed
from experiments.tables import Prepared
from genjax.base import Density, Update
from genjax.data import ArraySource, Column, Columns, on_device
from genjax.errors import InputError
from genjax.metrics import log_probs
from genjax.plotting import pair_panels
from genjax.typing import Array, Key, Variables

COLUMNS = "columns.json"
BLOCK = 4096
"""Rows at a time."""


class TableModel(NamedTuple):
    """A density of encoded rows, and how it is trained.

    Fields:
        density: of the rows.
        update: a training step.
        completes_rows: whether any cells of a row may be missing.
    """

    density: Density
    update: Update
    completes_rows: bool = False


def table_task(
    config: Any,
    prepared: Prepared,
    model: TableModel,
    beside: Callable[[], Mapping[str, float]],
) -> Task:
    """A model of the rows of a table, trained to its best validation.

    Args:
        config: has `batch_size` and `seed`.
        prepared: the table.
        model: of its rows.
        beside: further figures, to compare with.
    """
    columns, rows = prepared

    def of_rows(variables: Variables, x: Array) -> Array:
        return log_probs(model.density, variables, jnp.asarray(x))

    def evaluate(variables: Variables) -> dict[str, Any]:
        test = np.asarray(jax.jit(of_rows)(variables, rows.test))
        return {
            "test_log_likelihood": test.mean(),
            "standard_error": test.std(ddof=1) / len(test) ** 0.5,
            "test_rows": len(test),
            "train_rows": len(rows.train),
            **beside(),
        }

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return model.density.sample(variables, key, n)[0]

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        drawn = sample(variables, key, len(rows.test))
        shown = {"test rows": rows.test, "samples": np.asarray(drawn)}
        if len(columns) == 1:
            return {}
        parts = {title: _numbers(columns, part) for title, part in shown.items()}
        return {"pairs": pair_panels(parts, names=columns.names)}

    return Task(
        update=model.update,
        pipeline=on_device(
            ArraySource({"x": rows.train}),
            batch_size=min(config.batch_size, len(rows.train)),
            seed=config.seed,
        ),
        validate=lambda variables: -jnp.mean(of_rows(variables, rows.validation)),
        evaluate=evaluate,
        sample=sample,
        figures=figures,
        files=lambda: {COLUMNS: json.dumps(columns.to_json(), indent=2) + "\n"},
    )


def sample_rows(folder: Path, n: int, seed: int) -> pa.Table:
    """Draws rows of a run's model, in the units and with the values of its table.

    Args:
        folder: of the run.
        n: how many.
        seed: of the draw.
    """
    columns, model, variables = _restored(folder)
    draw = jax.jit(model.density.sample, static_argnums=2)
    blocks = [
        draw(variables, jax.random.fold_in(jax.random.key(seed), first), count)[0]
        for first, count in spans(n, BLOCK)
    ]
    return columns.decode(np.concatenate([np.asarray(block) for block in blocks]))


def score_rows(folder: Path, table: pa.Table) -> pa.Table:
    """Returns the log-density of each row, in nats and in the units of the table.

    Args:
        folder: of the run.
        table: rows with the columns of the run.

    Raises:
        InputError: a column is not there, or holds what training did not have.
    """
    columns, model, variables = _restored(folder)
    x = columns.encode(table)
    of_rows = jax.jit(model.density.log_prob)
    blocks = [
        np.asarray(of_rows(variables, jnp.asarray(x[first : first + count])))
        for first, count in spans(len(x), BLOCK)
    ]
    return pa.table({"log_density": np.concatenate(blocks) + columns.log_det})


def complete_rows(folder: Path, table: pa.Table, seed: int) -> pa.Table:
    """Fills the missing cells of each row by a draw, given its other cells.

    Args:
        folder: of the run.
        table: rows with the columns of the run; what is there stays as it is.
        seed: of the draws.

    Raises:
        InputError: the model does not complete such rows, or a column is not there, or
            holds what training did not have.
    """
    columns, model, variables = _restored(folder)
    complete = model.density.complete
    if complete is None:
        raise InputError(
            f"{folder}: a flow does not complete rows; train `python -m experiments "
            "autoregressive/custom --model deep_nade` on the table."
        )
    x = columns.encode(table, missing=True)
    observed = ~np.isnan(x)
    filled, key = np.where(observed, x, 0.0).astype(np.float32), jax.random.key(seed)
    if model.completes_rows:
        draw = jax.jit(lambda k, x, mask: complete(variables, k, x, mask)[0])
        for first, count in spans(len(x), BLOCK):
            part, own = slice(first, first + count), jax.random.fold_in(key, first)
            filled[part] = draw(own, jnp.asarray(filled[part]), observed[part])
    else:
        for place, pattern in enumerate(np.unique(observed, axis=0)):
            those = (observed == pattern).all(axis=1)
            if not pattern.all():
                own = jax.random.fold_in(key, place)
                given = jnp.asarray(filled[those])
                filled[those] = complete(variables, own, given, pattern)[0]
    drawn = columns.decode(filled)
    for place, name in enumerate(columns.names):
        if observed[:, place].all():
            continue
        pairs = zip(
            observed[:, place],
            table.column(name).to_pylist(),
            drawn.column(name).to_pylist(),
            strict=True,
        )
        cells = [old if there else new for there, old, new in pairs]
        as_written = _written_as(columns.columns[place])
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(list(map(as_written, cells))))
    return table


def is_of_table(folder: Path) -> bool:
    """Tells whether a folder holds a run on a table."""
    return (folder / COLUMNS).is_file()


def _restored(folder: Path) -> tuple[Columns, TableModel, Variables]:
    """The columns, the model and the variables of a run; its data is not read."""
    module, config = read_run(folder)
    if not is_of_table(folder):
        raise InputError(f"{folder} holds no run on a table: it has no {COLUMNS}.")
    try:
        columns = Columns.from_json(json.loads((folder / COLUMNS).read_text()))
    except ValueError as error:
        raise InputError(f"{folder / COLUMNS} is damaged: {error}.") from error
    model = module.model(config, columns)
    example = {"x": jnp.zeros((2, len(columns)), jnp.float32)}
    variables = read_variables(config, model.update, example, folder)
    return columns, model, of_seed(variables, 0, config.seeds)


def _written_as(column: Column) -> Callable[[Any], Any]:
    """One type for the cells that were there and those that are drawn."""
    return float if column.kind == "real" else type(column.levels[0])


def _numbers(columns: Columns, x: np.ndarray) -> np.ndarray:
    """Rows in the units of the table, classes as their numbers."""
    scale = np.array([c.scale for c in columns.columns])
    return x * scale + np.array([c.mean for c in columns.columns])
