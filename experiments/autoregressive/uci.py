"""Five binary UCI sets, beside the published table.

The splits are those of the NADE papers. Each model is chosen on the validation rows
alone, by the best of its averaged parameters; the members of a vmapped program are the
seeds, or the orders of an ensemble, whose likelihood is that of the mixture.

Paper: Larochelle and Murray, 2011; Germain, Gregor, Murray and Larochelle, 2015,
    arXiv:1502.03509; Uria et al., 2016, arXiv:1605.02226
Command: python -m experiments autoregressive/uci --folder DIR --check
Hardware: 2 CPU cores
Time: NADE alone, 3 seeds: 25 seconds (adult) to 110 (nips_0_12); every model of a set
    3 to 25 minutes
Expected: test NLL of the best model, mean of 3 seeds: adult <= 13.08 (measured 13.03),
    connect4 <= 11.60 (11.530), dna <= 80.5 (78.58, a GRU; NADE 82.25), mushrooms <=
    9.70 (9.603), nips_0_12 <= 273.4 (273.01)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.autoregressive._models import Settings, recipes, train
from experiments.config import RunConfig
from experiments.images import binary_digits
from experiments.report import write_file
from experiments.runner import Study, run
from experiments.tables import Rows
from genjax.autoregressive import random_orders
from genjax.data import flatten
from genjax.errors import InputError
from genjax.plotting import levels

SETS = ("adult", "connect4", "dna", "mushrooms", "nips_0_12")
PUBLISHED = {
    "mixture of Bernoullis": (20.44, 23.41, 98.19, 14.46, 290.02),
    "FVSBN": (13.17, 12.39, 83.64, 10.27, 276.88),
    "NADE": (13.19, 11.99, 84.81, 9.81, 273.08),
    "EoNADE, 16 orders": (13.19, 12.58, 82.31, 9.69, 272.39),
    "DARN": (13.19, 11.91, 81.04, 9.55, 274.68),
    "MADE": (13.12, 11.90, 83.63, 9.68, 280.25),
    "MADE, mask sampling": (13.13, 11.90, 79.66, 9.69, 277.28),
}
"""Test NLL in nats, a column a set."""
ENSEMBLES = ("seeds", "orders")
"""Mixtures of NADEs: in the natural order, and in random orders."""


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    folder: str = ""
    """The sets as NAME.npz, each with train, valid and test, [n, D] of 0 and 1. Without
    it, the embedded digits are the only set."""
    sets: tuple[str, ...] = SETS
    """Which of the sets."""
    models: tuple[str, ...] = (
        "fvsbn",
        "nade",
        "made",
        "masks",
        "gru",
        "seeds",
        "orders",
    )
    """Which of the models: also lstm, transformer, wavenet, darn and eonade, which take
    longer. `seeds` and `orders` are mixtures of NADEs."""
    seeds: int = 3
    """How many seeds of each model."""
    members: int = 4
    """NADEs in a mixture."""
    batch_size: int = 100
    """Rows per step."""
    ema: float = 0.998
    """Decay of the averaged parameters that are evaluated."""
    scale: float = 1.0
    """Times the training steps of each set."""


SMOKE = {
    "models": ("fvsbn", "orders"),
    "seeds": 2,
    "members": 2,
    "batch_size": 32,
    "scale": 0.005,
}
EXPECTED = {
    "adult_best": {"at_most": 13.08},
    "connect4_best": {"at_most": 11.60},
    "dna_best": {"at_most": 80.5},
    "mushrooms_best": {"at_most": 9.70},
    "nips_0_12_best": {"at_most": 273.4},
}


# Chosen on the validation rows.
SETTINGS = {
    "adult": Settings(4000, 100),
    "connect4": Settings(10_000, 200),
    "dna": Settings(1500, 500, weight_decay=1.0),
    "mushrooms": Settings(4000, 100),
    "nips_0_12": Settings(1000, 500, 1e-3, 3.0, jax.nn.sigmoid),
    "digits": Settings(2000, 100, weight_decay=0.1),
}
FVSBN = Settings(4000, 1, 2e-2)
MASKED = Settings(8000, 250)
RECURRENT = Settings(4000, 64, 3e-3, 0.1)
SEQUENTIAL = ("gru", "lstm", "transformer", "wavenet")
OVERRIDES = {
    ("connect4", "fvsbn"): FVSBN._replace(steps=8000),
    ("connect4", "gru"): Settings(6000, 64, 3e-3),
    ("dna", "fvsbn"): FVSBN._replace(steps=1500),
    ("nips_0_12", "fvsbn"): Settings(800, 1, 1e-2, 1e-3),
    ("dna", "made"): Settings(1500, 250, 1e-2, 1.0),
    ("dna", "masks"): Settings(1500, 250, 1e-2, 1.0),
    ("nips_0_12", "made"): Settings(600, 500, 1e-3, 1.0),
    ("nips_0_12", "masks"): Settings(600, 500, 1e-3, 1.0),
    **{("dna", name): RECURRENT._replace(steps=800) for name in SEQUENTIAL},
    **{("nips_0_12", name): RECURRENT._replace(steps=600) for name in SEQUENTIAL},
}
"""Where a model of a set is trained otherwise than on other sets."""


def settings_of(config: Config, name: str, label: str) -> Settings:
    """How a model of a set is trained."""
    usual = {
        "fvsbn": FVSBN,
        "made": MASKED,
        "masks": MASKED,
        **dict.fromkeys(SEQUENTIAL, RECURRENT),
    }
    settings = OVERRIDES.get((name, label), usual.get(label, SETTINGS[name]))
    return settings._replace(steps=max(2, round(settings.steps * config.scale)))


def measure_set(
    config: Config, name: str, rows: Rows, kept: Path
) -> dict[str, dict[str, Any]]:
    """NLLs of every model of a set; those that are kept are not trained again."""
    found = json.loads(kept.read_text()) if kept.exists() else {}
    dim = rows.train.shape[1]
    for label in config.models:
        mixed = config.members if label in ENSEMBLES else 1
        settings = settings_of(config, name, label)
        made_by = _made_by(config, settings, mixed)
        if label in found and found[label]["made_by"] == made_by:
            continue
        recipe = recipes(settings, dim)["nade" if label in ENSEMBLES else label]()
        count = config.seeds * mixed
        natural = np.tile(np.arange(dim), (count, 1))
        drawn = random_orders(jax.random.key(config.seed + 1), dim=dim, n=count)
        members = train(
            recipe,
            rows,
            settings,
            drawn if label == "orders" else natural,
            batch_size=config.batch_size,
            ema=config.ema,
            seed=config.seed,
            title=config.title(f"{name}: {label}"),
        )
        scores: dict[str, Any] = {"made_by": made_by}
        for split in ("validation", "test"):
            each = members.log_probs(getattr(rows, split))
            each = each.reshape(config.seeds, mixed, -1)
            log_prob = jax.nn.logsumexp(each, axis=1) - np.log(mixed)
            scores[split] = (-log_prob.mean(axis=1)).tolist()
        found[label] = scores
        write_file(kept, json.dumps(found, indent=2) + "\n")
    return found


def _made_by(config: Config, settings: Settings, mixed: int) -> dict[str, Any]:
    """What a kept result depends on."""
    return {
        **settings._asdict(),
        "activation": settings.activation.__name__,
        "seed": config.seed,
        "seeds": config.seeds,
        "mixed": mixed,
        "batch_size": config.batch_size,
        "ema": config.ema,
    }


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    sets = config.sets if config.folder else ("digits",)
    rows = {name: _read(config.folder, name) for name in sets}
    known = {*ENSEMBLES, *recipes(SETTINGS["digits"], 2)}
    unknown = set(config.models) - known
    if unknown or not config.models:
        raise InputError(
            f"--models: name some of {sorted(known)}, got {list(config.models)}."
        )

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics: dict[str, Any] = {}
        table: dict[str, dict[str, float]] = {label: {} for label in config.models}
        each: dict[str, dict[str, list[float]]] = {}
        for name in sets:
            found = measure_set(config, name, rows[name], folder / f"{name}.json")
            each[name] = {label: found[label]["test"] for label in config.models}
            for label in config.models:
                nll = float(np.mean(found[label]["test"]))
                table[label][name] = metrics[f"{name}_{label}"] = nll
            # The model is chosen on the validation rows as well.
            best = min(
                config.models, key=lambda m: float(np.mean(found[m]["validation"]))
            )
            metrics[f"{name}_best"] = table[best][name]
        write_file(folder / "table.md", _markdown(table, sets))
        write_file(folder / "table.tex", _latex(table, sets))
        figures = {
            f"nll_{name}": levels(each[name], xlabel=f"{name}: test NLL, nats")
            for name in sets
        }
        return metrics, figures

    return Study(measure, takes_seeds=True)


def _read(folder: str, name: str) -> Rows:
    if name == "digits":
        parts = [flatten(source.arrays["image"]) for source in binary_digits()]
        return Rows(*parts)
    if name not in SETS:
        raise InputError(f"--sets: there is no set {name!r}, only {', '.join(SETS)}.")
    path = Path(folder) / f"{name}.npz"
    if not path.is_file():
        raise InputError(f"--folder: there is no file {path}.")
    with np.load(path) as arrays:
        missing = {"train", "valid", "test"} - set(arrays)
        if missing:
            raise InputError(f"--folder: {path} lacks the arrays {sorted(missing)}.")
        parts = [arrays[part] for part in ("train", "valid", "test")]
    if len({part.shape[1:] for part in parts}) > 1 or any(
        part.ndim != 2 or not len(part) for part in parts
    ):
        raise InputError(
            f"--folder: train, valid and test of {path} must be [n, D] of one D, got "
            f"the shapes {[part.shape for part in parts]}."
        )
    for part in parts:
        wrong = np.argwhere(~np.isin(part, (0, 1)))
        if len(wrong):
            row, column = wrong[0]
            raise InputError(
                f"--folder: {path} must hold zeros and ones, got {part[row, column]} "
                f"in column {column}."
            )
    return Rows(*(jnp.asarray(part, jnp.float32) for part in parts))


def _columns(
    table: Mapping[str, Mapping[str, float]], sets: tuple[str, ...]
) -> list[tuple[str, list[str]]]:
    """The rows of the table: published ones, then ours."""
    places = [SETS.index(name) for name in sets if name in SETS]
    published = [
        (f"{label} (published)", [f"{values[i]:.2f}" for i in places])
        for label, values in PUBLISHED.items()
        if places
    ]
    ours = [
        (label, [f"{values[name]:.2f}" for name in sets])
        for label, values in table.items()
    ]
    return published + ours


def _markdown(table: Mapping[str, Mapping[str, float]], sets: tuple[str, ...]) -> str:
    lines = [f"| model | {' | '.join(sets)} |", "|---" * (len(sets) + 1) + "|"]
    for label, values in _columns(table, sets):
        lines.append(f"| {label} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def _latex(table: Mapping[str, Mapping[str, float]], sets: tuple[str, ...]) -> str:
    names = [name.replace("_", r"\_") for name in sets]
    lines = [
        r"\begin{tabular}{l" + "r" * len(sets) + "}",
        " & ".join(["model", *names]) + r" \\",
        r"\hline",
    ]
    for label, values in _columns(table, sets):
        lines.append(" & ".join([label, *values]) + r" \\")
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    measured = {f"{name}_best" for name in (config.sets if config.folder else ())}
    expected = {name: want for name, want in EXPECTED.items() if name in measured}
    return run("autoregressive/uci", config, build, expected)
