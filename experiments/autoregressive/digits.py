"""Every autoregressive model on binary digits.

The 1797 digits of scikit-learn, 8 x 8, set to 1 from intensity 8 of 16 on, cut at
random (seed 0) into 1257 for training, 180 for validation and 360 for testing. Each
model is trained to its best validation; then the upper halves of test images are
completed by draws of the exact conditional, and the true lower halves are scored by it.

Paper: Uria et al., 2016, arXiv:1605.02226; Germain et al., 2015, arXiv:1502.03509;
    van den Oord et al., 2016, arXiv:1606.05328
Command: python -m experiments autoregressive/digits --check
Hardware: 2 CPU cores
Time: 270 seconds for twelve models
Expected: test NLL of the best model <= 16.9 nats; the mean log-likelihood of the true
    lower half given the upper one is printed for every model
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.autoregressive._models import (
    Members,
    Settings,
    image_recipes,
    recipes,
    train,
)
from experiments.config import RunConfig
from experiments.images import binary_digits, completer
from experiments.runner import Study, run
from experiments.tables import Rows
from genjax.data import flatten
from genjax.errors import InputError
from genjax.metrics import completion_log_probs
from genjax.plotting import image_grid, levels
from genjax.typing import Array

SIDE, COLUMNS = 8, 12
WIDE = Settings(2000, 100, weight_decay=0.1)
NARROW = Settings(1500, 32, 3e-3, 0.1)
SETTINGS = {
    "fvsbn": WIDE,
    "nade": WIDE._replace(hidden=200, steps=3000),
    "made": WIDE,
    "masks": WIDE,
    "darn": WIDE._replace(hidden=50),
    "eonade": WIDE._replace(hidden=200),
    "gru": NARROW._replace(hidden=64),
    "lstm": NARROW._replace(hidden=64),
    "transformer": NARROW,
    "wavenet": NARROW,
    "pixel_cnn": Settings(800, 16, 3e-3, 0.01, chunk=1),
    "conv_nade": Settings(2000, 16, 3e-3, 0.01, chunk=1),
}
"""Every model, and how it is trained."""


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    models: tuple[str, ...] = tuple(SETTINGS)
    """Which of the models."""
    batch_size: int = 64
    """Rows per step."""
    ema: float = 0.998
    """Decay of the averaged parameters that are evaluated."""
    scale: float = 1.0
    """Times the training steps of each model."""


SMOKE = {"models": ("fvsbn", "masks", "conv_nade"), "scale": 0.002}
EXPECTED = {"best_nll": {"at_most": 16.9}}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    unknown = set(config.models) - set(SETTINGS)
    if unknown or not config.models:
        raise InputError(
            f"--models: name some of {', '.join(SETTINGS)}, got {config.models}."
        )
    rows = Rows(*(flatten(source.arrays["image"]) for source in binary_digits()))
    key = jax.random.key(config.seed)
    observed = np.arange(SIDE**2) < SIDE**2 // 2

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        trained = {name: _train(config, rows, name) for name in config.models}
        metrics: dict[str, Any] = {}
        for name, members in trained.items():
            model, variables = members.recipe.single, _only(members)
            metrics[f"{name}_nll"] = -float(members.log_probs(rows.test).mean())
            score = jax.jit(
                lambda variables, x, m=model: completion_log_probs(
                    m, variables, key, x, observed
                ).mean()
            )
            metrics[f"{name}_completion"] = float(score(variables, rows.test))
        metrics["best_nll"] = min(metrics[f"{name}_nll"] for name in trained)
        nll = {name: [metrics[f"{name}_nll"]] for name in trained}
        halves = {name: [-metrics[f"{name}_completion"]] for name in trained}
        drawn = {
            "nll": levels(nll, xlabel="test NLL, nats"),
            "completion_nll": levels(halves, xlabel="NLL of lower halves, nats"),
            "samples": _samples(trained),
            "completions": _completions(trained, rows.test, observed),
        }
        return metrics, drawn

    return Study(measure)


def _train(config: Config, rows: Rows, name: str) -> Members:
    settings = SETTINGS[name]
    settings = settings._replace(steps=max(2, round(settings.steps * config.scale)))
    known = {**recipes(settings, SIDE**2), **image_recipes(settings, SIDE)}
    return train(
        known[name](),
        rows,
        settings,
        np.arange(SIDE**2)[None],
        batch_size=config.batch_size,
        ema=config.ema,
        seed=config.seed,
        title=config.title(name),
    )


def _only(members: Members) -> Any:
    """The variables of the one member."""
    return jax.tree.map(lambda leaf: leaf[0], members.variables)


def _samples(trained: dict[str, Members]) -> Any:
    drawn: list[Array] = []
    for members in trained.values():
        sample = jax.jit(members.recipe.single.sample, static_argnums=2)
        drawn.append(sample(_only(members), jax.random.key(1), COLUMNS)[0])
    return _grid(drawn, list(trained), "samples")


def _completions(trained: dict[str, Members], test: Array, observed: np.ndarray) -> Any:
    images = test[:COLUMNS]
    drawn = [images, jnp.where(observed[None], images, 0.4)]
    for members in trained.values():
        complete = completer(members.recipe.single, observed)
        drawn.append(complete(_only(members), jax.random.key(2), images))
    labels = ["test image", "observed", *trained]
    return _grid(drawn, labels, "lower halves given upper halves")


def _grid(rows: list[Array], labels: list[str], title: str) -> Any:
    images = jnp.concatenate(rows).reshape(-1, SIDE, SIDE)
    return image_grid(images, columns=COLUMNS, row_labels=labels, title=title)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("autoregressive/digits", config, build, EXPECTED)
