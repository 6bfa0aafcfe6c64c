"""A spline flow of your own table, or a known one.

Without one: scikit-learn's table of 569 breast tumours, of which the first ten columns.

The rows are shuffled (seed 0), repeated ones dropped, and cut into a tenth for testing,
a tenth for validation and the rest; columns are standardised on the training rows, and
the log-likelihood is that of the standardised values, in nats.

Paper: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032
Command: python -m experiments flows/tabular --data protein --folder DIR --check
Hardware: 2 CPU cores
Time: 130 seconds
Expected: depends on the data; >= 3.9 nats on the protein table of the UCI repository
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import multivariate_normal

from experiments.config import TaskConfig
from experiments.recipe import descent
from experiments.runner import Task, run
from experiments.tables import Rows, TableConfig, cut, read, standardised
from genjax import nn
from genjax.data import ArraySource, on_device
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
from genjax.metrics import log_probs
from genjax.plotting import scatter_panels
from genjax.typing import Array, Key, Variables


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


def _read(config: Config) -> Rows:
    from sklearn.datasets import load_breast_cancer

    table = read(config, load_breast_cancer(return_X_y=True)[0][:, :10])
    if table.shape[1] < 2:
        raise InputError(
            f"--data: a coupling needs at least 2 columns, got {table.shape[1]}."
        )
    return standardised(cut(table, unique=True))


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    rows = _read(config)
    dim = rows.train.shape[1]
    spline = rational_quadratic_spline(bins=config.bins, bound=config.bound)
    split = dim // 2
    network = nn.ResMLP(
        features=spline.size * (dim - split),
        width=config.width,
        blocks=config.blocks,
        output_init=jax.nn.initializers.zeros,
    )
    layer = chain(coupling(spline, network, split=split), plu())
    model = density(chain(plu(), repeat(layer, config.layers)), standard_normal((dim,)))

    def per_row(variables: Variables, x: np.ndarray) -> Array:
        return log_probs(model, variables, jnp.asarray(x))

    def evaluate(variables: Variables) -> dict[str, Any]:
        test = np.asarray(jax.jit(per_row)(variables, rows.test))
        covariance = np.cov(rows.train.T)
        normal = multivariate_normal(np.zeros(dim), covariance, allow_singular=True)
        return {
            "test_log_likelihood": test.mean(),
            "standard_error": test.std(ddof=1) / len(test) ** 0.5,
            "test_rows": len(test),
            "train_rows": len(rows.train),
            "normal_log_likelihood": normal.logpdf(rows.test).mean(),
        }

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return model.sample(variables, key, n)[0]

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        drawn = np.asarray(sample(variables, key, len(rows.test)))
        pairs = [(i, i + 1) for i in range(min(dim - 1, 3))]
        panels = {
            f"{name}, columns {i} and {j}": points[:, [i, j]]
            for name, points in (("test rows", rows.test), ("samples", drawn))
            for i, j in pairs
        }
        return {
            "pairs": scatter_panels(
                panels, extent=(-3.0, 3.0, -3.0, 3.0), columns=len(pairs)
            )
        }

    return Task(
        update=descent(config, negative_log_likelihood(model), clip=5.0),
        pipeline=on_device(
            ArraySource({"x": rows.train}),
            batch_size=min(config.batch_size, len(rows.train)),
            seed=config.seed,
        ),
        validate=lambda variables: -jnp.mean(per_row(variables, rows.validation)),
        evaluate=evaluate,
        sample=sample,
        figures=figures,
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    expected = EXPECTED_OF_NAMED.get(config.data, EXPECTED)
    return run("flows/tabular", config, build, expected)
