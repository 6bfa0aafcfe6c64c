"""A spline flow of your own table, or a known one.

Without one: scikit-learn's table of 569 breast tumours, of which the first ten columns.

The rows are shuffled (seed 0), repeated ones dropped, and cut into a tenth for testing,
a tenth for validation and the rest, unless `--validation` and `--test` name a split.
All columns are real numbers, standardised on the training rows; log-likelihoods in the
report are of standardised values, and `score` gives them in the units of the table.

Paper: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032
Command: python -m experiments flows/tabular --data protein --folder DIR --check
Hardware: 2 CPU cores
Time: 130 seconds
Expected: depends on the data; >= 3.9 nats on the protein table of the UCI repository
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.stats import multivariate_normal

from experiments.config import TaskConfig
from experiments.recipe import descent
from experiments.runner import Task, run
from experiments.table_runs import TableModel, table_task
from experiments.tables import TableConfig, embedded, prepare
from genjax import nn
from genjax.data import Columns
from genjax.densities import negative_log_likelihood, standard_normal
from genjax.errors import InputError
from genjax.flows import (
    chain,
    coupling,
    density,
    plu,
    rational_quadratic_spline,
    repeat,
)


@dataclass(frozen=True, kw_only=True)
class Config(TableConfig, TaskConfig):
    """The settings of this experiment."""

    layers: int = 6
    """Coupling layers."""
    bins: int = 8
    """Of the splines."""
    bound: float = 5.0
    """Of the splines, in standard deviations."""
    width: int = 128
    """Of a coupling's residual network."""
    blocks: int = 2
    """Residual blocks of a coupling's network."""
    steps: int = 6000
    batch_size: int = 512
    learning_rate: float = 1e-3
    ema: float = 0.998
    evaluate_every: int = 500


SMOKE = {
    "layers": 2,
    "bins": 4,
    "width": 8,
    "blocks": 1,
    "steps": 40,
    "batch_size": 64,
    "evaluate_every": 20,
}
EXPECTED: dict[str, dict[str, float]] = {}
EXPECTED_OF_NAMED = {"protein": {"test_log_likelihood": {"at_least": 3.9}}}


def model(config: Config, columns: Columns) -> TableModel:
    """Returns the flow of a table.

    Args:
        config: the settings.
        columns: of the table.

    Raises:
        InputError: there is a single column.
    """
    dim = len(columns)
    if dim < 2:
        raise InputError(f"--data: a coupling needs at least 2 columns, got {dim}.")
    spline = rational_quadratic_spline(bins=config.bins, bound=config.bound)
    split = dim // 2
    network = nn.ResMLP(
        features=spline.size * (dim - split),
        width=config.width,
        blocks=config.blocks,
        output_init=jax.nn.initializers.zeros,
    )
    layer = chain(coupling(spline, network, split=split), plu())
    flow = density(chain(plu(), repeat(layer, config.layers)), standard_normal((dim,)))
    return TableModel(flow, descent(config, negative_log_likelihood(flow), clip=5.0))


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    from sklearn.datasets import load_breast_cancer

    tumours = embedded(load_breast_cancer, columns=10)
    prepared = prepare(config, tumours, unique=True, kind="real")
    columns, rows = prepared

    def beside() -> dict[str, float]:
        covariance = np.cov(rows.train.T)
        zeros = np.zeros(len(columns))
        normal = multivariate_normal(zeros, covariance, allow_singular=True)
        return {"normal_log_likelihood": normal.logpdf(rows.test).mean()}

    return table_task(config, prepared, model(config, columns), beside)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    expected = EXPECTED_OF_NAMED.get(config.data, EXPECTED)
    return run("flows/tabular", config, build, expected)
