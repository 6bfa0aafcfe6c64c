"""An autoregressive model of your own table.

What a column is drawn from follows from the values: bits where all are 0 or 1, classes
where they are few integers from 0 on, real numbers otherwise, which are standardised on
the training rows. The rows are shuffled (seed 0) and cut into a tenth for testing, a
tenth for validation and the rest. Without a table: scikit-learn's 178 wines.

Paper: Uria et al., 2016, arXiv:1605.02226
Command: python -m experiments autoregressive/custom --data FILE
Hardware: 2 CPU cores
Time: 30 seconds for the embedded table
Expected: depends on the data; more nats than independent columns on the embedded table
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import TaskConfig
from experiments.recipe import descent
from experiments.runner import Task, run
from experiments.tables import Rows, TableConfig, cut, read, standardised
from genjax.autoregressive import (
    Conditional,
    binary,
    categorical,
    fvsbn,
    made,
    nade,
    normal_mixture,
    recurrent,
    transformer,
)
from genjax.base import Density
from genjax.data import ArraySource, on_device
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError
from genjax.metrics import log_probs
from genjax.plotting import image_grid, scatter_panels
from genjax.typing import Array, Key, Variables

KINDS = ("auto", "binary", "categorical", "real")
MOST_CLASSES = 32


@dataclass(frozen=True, kw_only=True)
class Config(TableConfig, TaskConfig):
    """The settings of this experiment."""

    kind: str = "auto"
    """What the columns hold: auto, binary, categorical or real."""
    model: str = "nade"
    """fvsbn, nade, made, gru or transformer."""
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


def kind_of(config: Config, table: np.ndarray) -> str:
    """What the columns of a table hold.

    Raises:
        InputError: there is no such kind, or a value is not of it.
    """
    if config.kind not in KINDS:
        raise InputError(f"--kind must be one of {KINDS}, got {config.kind!r}.")
    are_classes = (table >= 0) & (table < MOST_CLASSES) & (table == np.floor(table))
    if config.kind == "auto":
        if np.isin(table, (0, 1)).all():
            return "binary"
        return "categorical" if are_classes.all() else "real"
    allowed = {
        "binary": np.isin(table, (0, 1)),
        "categorical": are_classes,
        "real": np.isfinite(table),
    }[config.kind]
    wrong = np.argwhere(~allowed)
    if len(wrong):
        row, column = wrong[0]
        raise InputError(
            f"--kind {config.kind}: column {column} holds {table[row, column]:g} in "
            f"row {row}; classes are integers from 0 to {MOST_CLASSES - 1}."
        )
    return config.kind


def _model(config: Config, conditional: Conditional) -> Density:
    hidden = config.hidden
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
            f"--model must be one of {', '.join(models)}, got {config.model!r}."
        )
    return models[config.model]()


def _prepare(config: Config) -> tuple[Rows, Conditional]:
    from sklearn.datasets import load_wine

    table = read(config, np.asarray(load_wine(return_X_y=True)[0]))
    kind, rows = kind_of(config, table), cut(table, unique=False)
    if kind == "real":
        return standardised(rows), normal_mixture(config.components)
    if kind == "categorical":
        return rows, categorical(max(2, int(table.max()) + 1))
    return rows, binary()


def _alone(config: Config, conditional: Conditional, rows: Rows) -> float:
    """The test log-likelihood of the columns, each by itself."""
    if conditional.outputs_are_logits:
        outputs = conditional.marginal(jnp.asarray(rows.train))[None]
        return float(conditional.log_prob(outputs, rows.test).sum(axis=1).mean())
    from sklearn.mixture import GaussianMixture

    columns = range(rows.train.shape[1])
    fitted = [
        GaussianMixture(config.components, reg_covar=1e-3, random_state=0).fit(
            rows.train[:, [column]]
        )
        for column in columns
    ]
    return float(sum(fitted[c].score(rows.test[:, [c]]) for c in columns))


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    rows, conditional = _prepare(config)
    model = _model(config, conditional)
    validation, test = (jnp.asarray(part) for part in rows[1:])

    def evaluate(variables: Variables) -> dict[str, Any]:
        log_prob = jax.jit(lambda variables: log_probs(model, variables, test))(
            variables
        )
        return {
            "test_log_likelihood": log_prob.mean(),
            "standard_error": log_prob.std(ddof=1) / len(test) ** 0.5,
            "independent_columns": _alone(config, conditional, rows),
            "test_rows": len(test),
        }

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return model.sample(variables, key, n)[0]

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        drawn = np.asarray(sample(variables, key, len(rows.test)))
        parts = {"test rows": rows.test, "samples": drawn}
        if conditional.size == 1:
            stacked = np.stack([part[:200] for part in parts.values()])
            grid = image_grid(stacked, columns=2, title=", ".join(parts))
            return {"rows": grid}
        low, high = float(rows.test.min()), float(rows.test.max())
        if rows.test.shape[1] == 1:
            return {}
        pairs = [(i, i + 1) for i in range(min(rows.test.shape[1] - 1, 3))]
        panels = {
            f"{name}, columns {i} and {j}": points[:, [i, j]]
            for name, points in parts.items()
            for i, j in pairs
        }
        extent = (low, high, low, high)
        drawn_pairs = scatter_panels(panels, extent=extent, columns=len(pairs))
        return {"pairs": drawn_pairs}

    return Task(
        update=descent(
            config, negative_log_likelihood(model), weight_decay=config.weight_decay
        ),
        pipeline=on_device(
            ArraySource({"x": rows.train}),
            batch_size=min(config.batch_size, len(rows.train)),
            seed=config.seed,
        ),
        validate=lambda variables: -jnp.mean(log_probs(model, variables, validation)),
        evaluate=evaluate,
        sample=sample,
        figures=figures,
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("autoregressive/custom", config, build, EXPECTED)
