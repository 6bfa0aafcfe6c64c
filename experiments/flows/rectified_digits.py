"""Rectified flow on digits: guidance, one step.

The 1797 digits of scikit-learn, 8 x 8, scaled to [-1, 1]; 1257 train, 360 test. The
velocity learns with and without the class, so that samples can be guided; the guided
flow's own pairs of noise and digits then train a second flow, and that one's pairs a
single step. Samples are compared with test digits by their energy distance, and with
the class they were asked for by a classifier of the training digits.

Paper: Liu, Gong and Liu, 2022, arXiv:2209.03003; Ho and Salimans, 2022,
    arXiv:2207.12598
Command: python -m experiments flows/rectified_digits --check
Hardware: 2 CPU cores
Time: 60 seconds
Expected: one-step energy distance <= .03 after the reflow (training digits: .02);
    at least .95 of the guided samples are of their class
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.svm import SVC

from experiments.config import TrainConfig
from experiments.recipe import descent
from experiments.runner import Study, run, train_stage
from genjax import nn
from genjax.base import NetworkLike, Objective
from genjax.data import (
    ArraySource,
    digits,
    on_device,
    split,
)
from genjax.flow_matching import (
    distillation,
    drop_condition,
    euler,
    fixed_steps,
    flow_inpaint,
    flow_matching,
    guided,
    logit_normal_times,
    reflow_pairs,
    straightness,
    transport,
)
from genjax.metrics import energy_distance
from genjax.plotting import image_grid
from genjax.typing import Array, Key, Variables

CLASSES, DIMS = 10, 64


@dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The settings of this experiment."""

    width: int = 512
    """Of the three hidden layers of the velocity."""
    steps: int = 4000
    """Training steps of each of the three stages."""
    batch_size: int = 256
    """Digits per step."""
    learning_rate: float = 1e-3
    ema: float = 0.995
    drop: float = 0.15
    """The share of training digits whose class is hidden."""
    guidance: float = 1.5
    """The scale of the guidance; 1 is none."""
    pairs: int = 20_000
    """Pairs of noise and digits for the reflow."""
    pair_steps: int = 12
    """Runge-Kutta steps of a pair."""


SMOKE = {"width": 16, "steps": 20, "batch_size": 32, "pairs": 64, "pair_steps": 2}
EXPECTED = {
    "energy_distance_reflowed_in_1": {"at_most": 0.03},
    "class_accuracy_guided": {"at_least": 0.95},
}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    splits = split(digits(), validation=180, test=360)
    network = nn.TimeMLP(features=DIMS, hidden=(config.width,) * 3)
    sharper = guided(network, scale=config.guidance, unconditional=jnp.zeros(CLASSES))
    test, labels = _prepare(splits.test)
    noise = jax.random.normal(jax.random.key(1_000_003), test.shape)

    def train(folder: Path, objective: Objective, rows: ArraySource) -> Variables:
        pipeline = on_device(rows, batch_size=config.batch_size, seed=config.seed)
        update = descent(config, objective)
        return train_stage(folder, update, pipeline, config=config, steps=config.steps)

    def first_stage(folder: Path) -> Variables:
        x, condition = _prepare(splits.train)
        objective = drop_condition(
            flow_matching(network, times=logit_normal_times()),
            rate=config.drop,
            unconditional=jnp.zeros(CLASSES),
        )
        rows = ArraySource({"x": np.asarray(x), "condition": np.asarray(condition)})
        return train(folder, objective, rows)

    def pairs_of(velocity: Any, variables: Variables, key: Key) -> ArraySource:
        key_noise, key_label = jax.random.split(key)
        ends = jax.random.normal(key_noise, (config.pairs, DIMS))
        label = jax.random.randint(key_label, (config.pairs,), 0, CLASSES)
        integrator = fixed_steps(config.pair_steps)
        carry = jax.jit(partial(reflow_pairs, velocity, integrator=integrator))
        pairs = carry(variables, ends, condition=jax.nn.one_hot(label, CLASSES))
        return ArraySource({name: np.asarray(v) for name, v in pairs.items()})

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        key_pairs, key_inpaint = jax.random.split(jax.random.key(config.seed + 1))
        first = first_stage(folder / "first")
        # Later stages go on from the parameters of the one before.
        pairs = pairs_of(sharper, first, key_pairs)
        second = train(folder / "reflow", _from(first, flow_matching(network)), pairs)
        third = train(folder / "distilled", _from(second, distillation(network)), pairs)
        stages: dict[str, tuple[Any, Variables]] = {
            "first": (network, first),
            "guided": (sharper, first),
            "reflowed": (network, second),
            "distilled": (network, third),
        }
        classify = _classifier(splits.train)
        metrics = {
            "energy_distance_of_training_digits": energy_distance(
                _prepare(splits.train)[0], test
            )
        }
        rows: dict[str, Array] = {}
        for name, (velocity, variables) in stages.items():
            bend = partial(straightness, velocity, condition=labels)
            metrics[f"straightness_{name}"] = jax.jit(bend)(variables, noise)
            for steps in (1, 2, 8):
                integrator = fixed_steps(steps, euler)
                carry = partial(transport, velocity, integrator=integrator)
                drawn = jax.jit(carry)(variables, noise, condition=labels)
                distance = energy_distance(drawn, test)
                metrics[f"energy_distance_{name}_in_{steps}"] = distance
                plural = "" if steps == 1 else "s"
                rows[f"{name}, {steps} step{plural}"] = drawn
                accuracy = classify(drawn, labels)
            metrics[f"class_accuracy_{name}"] = accuracy
        figures = {
            "samples": _one_a_class(rows, labels),
            "inpainted": _inpainted(network, first, key_inpaint, test, labels),
        }
        return metrics, figures

    return Study(measure)


def _prepare(source: ArraySource) -> tuple[Array, Array]:
    """Digits `[n, 64]` in [-1, 1], and their classes `[n, 10]`."""
    x = jnp.asarray(source.arrays["image"], jnp.float32).reshape(-1, DIMS) / 8 - 1
    return x, jax.nn.one_hot(jnp.asarray(source.arrays["label"]), CLASSES)


def _from(variables: Variables, objective: Objective) -> Objective:
    """The objective, started from given parameters."""
    return objective._replace(init=lambda key, batch: variables)


def _classifier(train: ArraySource) -> Any:
    x, labels = _prepare(train)
    classifier = SVC(gamma="scale").fit(np.asarray(x), np.asarray(labels).argmax(1))

    def accuracy(x: Array, labels: Array) -> float:
        return classifier.score(np.asarray(x), np.asarray(labels).argmax(1))

    return accuracy


def _one_a_class(rows: dict[str, Array], labels: Array) -> Any:
    """A row per flow and number of steps, a column per class."""
    first = np.asarray(labels).argmax(axis=0)
    images = jnp.clip(jnp.concatenate([x[first] for x in rows.values()]), -1.0, 1.0)
    return image_grid(
        images.reshape(-1, 8, 8),
        columns=CLASSES,
        row_labels=tuple(rows),
    )


def _inpainted(
    network: NetworkLike, variables: Variables, key: Key, x: Array, labels: Array
) -> Any:
    """Rows of ten: test digits, their upper halves, three completions each."""
    first = np.asarray(labels).argmax(axis=0)
    x, labels = x[first], labels[first]
    upper = jnp.arange(DIMS) < DIMS // 2
    fill = jax.jit(
        partial(flow_inpaint, network, steps=50, resamples=5, condition=labels)
    )
    draws = [fill(variables, each, x, upper) for each in jax.random.split(key, 3)]
    halves = jnp.where(upper[None], x, -1.0)
    images = jnp.clip(jnp.concatenate([x, halves, *draws]), -1.0, 1.0)
    return image_grid(
        images.reshape(-1, 8, 8),
        columns=CLASSES,
        row_labels=("test digits", "observed", *["completed"] * 3),
    )


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/rectified_digits", config, build, EXPECTED)
