"""Soft F1 and cross-entropy on imbalanced sets.

A linear model on 20 features, 5 of which tell something; one example in twenty is
positive, and a few labels are wrong. Cross-entropy hardly ever dares to predict the
rare class; soft F1 optimises what is asked for; soft accuracy is content with none.

Paper: Pastor-Pellicer et al., 2013 (F-measure as the error function)
Command: python -m experiments smooth/imbalanced --check
Hardware: 2 CPU cores
Time: 13 seconds
Expected: soft F1 beats cross-entropy by >= .10 of F1 in the mean
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
from genjax.base import Objective
from genjax.plotting import bars
from genjax.smooth import soft_accuracy, soft_counts, soft_f1
from genjax.training import gradient_descent, scan_steps
from genjax.typing import Array


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    sets: int = 5
    """How many sets."""
    examples: int = 4000
    """Of a set, half of them for testing."""
    steps: int = 2000
    """Training steps over the whole training half."""
    learning_rate: float = 3e-2
    """Of Adam."""


SMOKE = {"sets": 2, "examples": 400, "steps": 50}
EXPECTED = {"f1_gain": {"at_least": 0.10}}

LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "cross_entropy": lambda logits, y: jnp.mean(
        optax.losses.sigmoid_binary_cross_entropy(logits, y)
    ),
    "soft_f1": lambda logits, y: 1 - soft_f1(soft_counts(jax.nn.sigmoid(logits), y)),
    "soft_accuracy": lambda logits, y: (
        1 - soft_accuracy(soft_counts(jax.nn.sigmoid(logits), y))
    ),
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        sets = [_set(config, config.seed + i) for i in range(config.sets)]
        scores = {
            name: [_f1(config, loss, *arrays) for arrays in sets]
            for name, loss in LOSSES.items()
        }
        means = {f"f1_{name}": np.mean(values) for name, values in scores.items()}
        gain = means["f1_soft_f1"] - means["f1_cross_entropy"]
        figure = bars(scores, ylabel="test F1 at 1/2")
        return {**means, "f1_gain": gain}, {"scores": figure}

    return Study(measure)


def _set(config: Config, seed: int) -> tuple[Array, ...]:
    """Training and test halves: features and labels of each."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        n_samples=config.examples,
        n_features=20,
        n_informative=5,
        n_redundant=0,
        weights=[0.95],
        flip_y=0.02,
        class_sep=1.0,
        random_state=seed,
    )
    half = config.examples // 2
    mean, scale = x[:half].mean(axis=0), x[:half].std(axis=0)
    x = jnp.asarray((x - mean) / scale, jnp.float32)
    y = jnp.asarray(y, jnp.float32)
    return x[:half], y[:half], x[half:], y[half:]


def _f1(config: Config, loss: Any, x: Array, y: Array, x_2: Array, y_2: Array) -> float:
    """The test F1 of a linear model that was trained by a loss of its logits."""

    def objective_loss(variables: Any, batch: Any, key: Any) -> Any:
        value = loss(_logits(variables["params"], x), y)
        return value, ({}, {"loss": value})

    params = {"w": jnp.zeros(x.shape[1]), "b": jnp.zeros(())}
    objective = Objective(lambda key, batch: {"params": params}, objective_loss)
    update = scan_steps(gradient_descent(objective, optax.adam(config.learning_rate)))
    steps = jnp.zeros((config.steps, 1))
    state = update.init(jax.random.key(config.seed), steps)
    state, _ = jax.jit(update.step)(state, steps)
    predicted = _logits(state.variables["params"], x_2) > 0
    return float(soft_f1(soft_counts(predicted.astype(jnp.float32), y_2)))


def _logits(params: Any, x: Array) -> Array:
    return x @ params["w"] + params["b"]


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("smooth/imbalanced", config, build, EXPECTED)
