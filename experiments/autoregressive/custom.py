"""An autoregressive model of your own table.

Each column is drawn from what it holds: bits, classes, or real numbers, by a mixture of
normals. The rows are shuffled (seed 0) and cut into a tenth for testing, a tenth for
validation and the rest, unless `--validation` and `--test` name a split. Without a
table: scikit-learn's 178 wines. The model draws new rows (`sample RUN --out FILE`),
scores rows (`score`) and fills holes (`complete`): the last columns by any model, any
cells by `--model deep_nade`. Log-likelihoods in the report are of standardised values;
`score` gives them in the units of the table.

Paper: Uria et al., 2016, arXiv:1605.02226
Command: python -m experiments autoregressive/custom --data FILE
Hardware: 2 CPU cores
Time: 30 seconds for the embedded table
Expected: depends on the data; more nats than independent columns on the embedded table
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from experiments.config import TaskConfig
from experiments.recipe import descent
from experiments.runner import Task, run
from experiments.table_runs import TableModel, table_task
from experiments.tables import Rows, TableConfig, embedded, prepare
from genjax import nn
from genjax.autoregressive import (
    Conditional,
    binary,
    by_column,
    categorical,
    deep_nade,
    fvsbn,
    made,
    nade,
    normal_mixture,
    orderless_likelihood,
    recurrent,
    transformer,
)
from genjax.base import Density
from genjax.data import Columns
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Config(TableConfig, TaskConfig):
    """The settings of this experiment."""

    model: str = "nade"
    """fvsbn, nade, made, gru, transformer, or deep_nade, which completes any cells."""
    hidden: int = 64
    """Hidden units, a multiple of 4 for the transformer."""
    components: int = 5
    """Of the mixture of normals that a real number is drawn from."""
    steps: int = 3000
    batch_size: int = 64
    """Rows per step."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-1
    """Decoupled weight decay."""
    ema: float = 0.998
    evaluate_every: int = 100


SMOKE = {"hidden": 8, "components": 2, "steps": 20, "evaluate_every": 10}
EXPECTED: dict[str, dict[str, float]] = {}


def conditional_of(config: Config, columns: Columns) -> Conditional:
    """What each column is drawn from.

    Args:
        config: the settings.
        columns: of the table.
    """
    bit, real = binary(), normal_mixture(config.components)
    of_classes = cache(categorical)

    def of(column: Any) -> Conditional:
        if column.kind == "classes":
            return of_classes(max(2, len(column.levels)))
        return bit if column.kind == "bits" else real

    return by_column([of(column) for column in columns.columns])


def model(config: Config, columns: Columns) -> TableModel:
    """Returns the model of a table.

    Args:
        config: the settings.
        columns: of the table.
    """
    conditional, hidden = conditional_of(config, columns), config.hidden
    settings = {"weight_decay": config.weight_decay}
    if config.model == "deep_nade":
        features = len(columns) * conditional.size
        network = nn.MLP(features=features, hidden=(2 * hidden, 2 * hidden))
        objective = orderless_likelihood(network, conditional=conditional)
        density = deep_nade(network, conditional=conditional)
        update = descent(config, objective, **settings)
        return TableModel(density, update, completes_rows=True)
    models: Mapping[str, Callable[[], Density]] = {
        "fvsbn": lambda: fvsbn(conditional=conditional),
        "nade": lambda: nade(
            hidden=hidden, activation=jax.nn.relu, conditional=conditional
        ),
        "made": lambda: made(hidden=(hidden,), conditional=conditional, direct=True),
        "gru": lambda: recurrent(hidden=hidden, conditional=conditional),
        "transformer": lambda: transformer(
            width=hidden, heads=4, layers=2, conditional=conditional
        ),
    }
    if config.model not in models:
        raise InputError(
            f"--model must be one of {', '.join(models)}, deep_nade, got "
            f"{config.model!r}."
        )
    density = models[config.model]()
    return TableModel(
        density, descent(config, negative_log_likelihood(density), **settings)
    )


def _alone(config: Config, columns: Columns, rows: Rows) -> float:
    """The test log-likelihood of the columns, each by itself."""
    from sklearn.mixture import GaussianMixture

    conditional, total = conditional_of(config, columns), 0.0
    test = jnp.asarray(rows.test)
    outputs = conditional.marginal(jnp.asarray(rows.train))
    outputs = jnp.broadcast_to(outputs[None], (len(test), *outputs.shape))
    discrete = conditional.log_prob(outputs, test).mean(axis=0)
    for place, column in enumerate(columns.columns):
        if column.kind != "real":
            total += float(discrete[place])
            continue
        mixture = GaussianMixture(config.components, reg_covar=1e-3, random_state=0)
        fitted = mixture.fit(rows.train[:, [place]])
        total += float(fitted.score(rows.test[:, [place]]))
    return total


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    from sklearn.datasets import load_wine

    prepared = prepare(config, embedded(load_wine), unique=False)
    columns, rows = prepared

    def beside() -> dict[str, float]:
        return {"independent_columns": _alone(config, columns, rows)}

    return table_task(config, prepared, model(config, columns), beside)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("autoregressive/custom", config, build, EXPECTED)
