"""Four estimators of information, up to 10 nats.

Pairs of normal vectors of 20 dimensions; a separable critic is trained at each level,
going on from the last. Beside each trained estimate stands that of the exact critic.

Paper: Poole et al., 2019, arXiv:1905.06922; Song and Ermon, 2020, arXiv:1910.06222
Command: python -m experiments mutual_information/staircase --check
Hardware: 2 CPU cores
Time: 2 minutes
Expected: InfoNCE below log 64 = 4.16 at every level; SMILE within 1 nat up to 8
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.config import RunConfig
from experiments.runner import Study, run
from genjax import nn
from genjax.mutual_information import (
    PairTask,
    correlated_normals,
    dv,
    estimation,
    infonce,
    nwj,
    separable_critic,
    smile,
)
from genjax.plotting import curves
from genjax.training import gradient_descent
from genjax.typing import Array, Batch, Key

ESTIMATORS: dict[str, Callable[[Array], Any]] = {
    "infonce": infonce,
    "nwj": nwj,
    "dv": dv,
    "smile": smile,
}


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    dim: int = 20
    """Of each vector."""
    levels: tuple[float, ...] = (2.0, 4.0, 6.0, 8.0, 10.0)
    """The truth, in nats."""
    width: int = 256
    """Of the three hidden layers of both embeddings."""
    embedding: int = 32
    """Dimensions of the embeddings."""
    steps: int = 4000
    """Training steps per level."""
    batch_size: int = 64
    """Pairs per step."""
    learning_rate: float = 5e-4
    """Of Adam."""


SMOKE = {"levels": (2.0, 4.0), "width": 16, "steps": 20}
EXPECTED = {
    "infonce_largest": {"at_most": 4.16},
    "smile_worst_error_to_8": {"at_most": 1.0},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    tasks = [
        correlated_normals(dim=config.dim, mutual_information=level)
        for level in config.levels
    ]

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        traces = {name: _climb(config, f, tasks) for name, f in ESTIMATORS.items()}
        # The last quarter of each level is what the estimate has settled at.
        settled = {
            name: trace[:, -(config.steps // 4) :].mean(axis=1)
            for name, trace in traces.items()
        }
        exact = {name: _exact(config, f, tasks) for name, f in ESTIMATORS.items()}
        metrics = {
            f"{name}{suffix}_at_{level:g}": value
            for suffix, table in (("", settled), ("_exact_critic", exact))
            for name, values in table.items()
            for level, value in zip(config.levels, values, strict=True)
        }
        errors = np.abs(settled["smile"] - np.array(config.levels))
        metrics["infonce_largest"] = settled["infonce"].max()
        metrics["smile_worst_error_to_8"] = errors[np.array(config.levels) <= 8].max()
        return metrics, {"staircase": _figure(config, traces)}

    return Study(measure)


def _climb(config: Config, estimator: Any, tasks: list[PairTask]) -> np.ndarray:
    """The trained estimate of every step, `[levels, steps]`."""

    def embedding() -> nn.MLP:
        return nn.MLP(features=config.embedding, hidden=(config.width,) * 3)

    critic = separable_critic(embedding(), embedding())
    update = gradient_descent(
        estimation(critic, estimator), optax.adam(config.learning_rate)
    )
    keys = jax.random.split(jax.random.key(config.seed), len(tasks) + 1)
    state = update.init(keys[0], _batch(config, tasks[0], keys[0]))
    traces = []
    for task, key in zip(tasks, keys[1:], strict=True):

        def level(state: Any, keys: Array, task: PairTask = task) -> Any:
            return jax.lax.scan(
                lambda s, k: update.step(s, _batch(config, task, k)), state, keys
            )

        state, metrics = jax.jit(level)(state, jax.random.split(key, config.steps))
        traces.append(np.asarray(metrics["mutual_information"]))
    return np.stack(traces)


def _batch(config: Config, task: PairTask, key: Key) -> Batch:
    x, y = task.sample(key, config.batch_size)
    return {"x": x, "y": y}


def _exact(config: Config, estimator: Any, tasks: list[PairTask]) -> list[float]:
    """The mean over 500 batches with the exact critic; NWJ's is 1 + log r."""
    shift = 1.0 if estimator is nwj else 0.0
    keys = jax.random.split(jax.random.key(1_000_003), 500)
    return [
        float(
            jax.lax.map(
                lambda k, task=task: (
                    estimator(
                        shift + task.log_ratio(*task.sample(k, config.batch_size))
                    ).value
                ),
                keys,
                batch_size=50,
            ).mean()
        )
        for task in tasks
    ]


def _figure(config: Config, traces: dict[str, np.ndarray]) -> Any:
    smooth = max(1, config.steps // 40)
    series = {}
    for name, trace in traces.items():
        steps = trace.reshape(-1)[: trace.size // smooth * smooth]
        means = steps.reshape(-1, smooth).mean(axis=1)
        series[name] = (smooth * np.arange(1, len(means) + 1), means)
    truth = np.repeat(config.levels, 2)
    edges = config.steps * np.repeat(np.arange(len(config.levels) + 1), 2)[1:-1]
    figure = curves(
        {**series, "truth": (edges, truth)},
        ylabel="mutual information, nats",
        lines={f"log {config.batch_size}": float(jnp.log(config.batch_size))},
    )
    # NWJ falls far below now and then.
    figure.axes[0].set_ylim(-1, max(config.levels) + 2)
    return figure


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("mutual_information/staircase", config, build, EXPECTED)
