"""The settings that experiments share."""

import dataclasses
import math
import shlex
from dataclasses import dataclass
from typing import Any, Literal

from experiments.catalogue import load
from genjax.errors import InputError


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The fields that all experiments share."""

    workdir: str = ""
    """The folder of the run; a fresh one under runs/ by default."""
    seed: int = 0
    """Seeds the data order and the parameters."""
    seeds: int = 1
    """How many seeds to train side by side, as one vmapped program."""
    devices: int = 1
    """Over how many devices to share each batch; on CPU, JAX_NUM_CPU_DEVICES sets how
    many there are."""
    coordinator: str = ""
    """Where one run goes over several processes: host:port of process 0. All of them
    name one --workdir, in a file system that they share."""
    processes: int = 1
    """How many processes there are; each reads its own rows of every batch."""
    process: int = 0
    """The index of this process."""
    smoke: bool = False
    """A trial in seconds: few steps, small models, no expectations."""
    chunk: int = 100
    """The most steps per compiled chunk; signals are heard between two of them."""
    resume: bool = False
    """Go on from the latest checkpoint in workdir."""
    check: bool = False
    """Exit with status 1 where an expectation is missed."""
    progress: bool = True
    """Show the progress bar."""
    profile: bool = False
    """Write a trace of the second chunk of steps to the run folder."""
    figures: Literal["png", "pdf", "svg"] = "png"
    """A format to write figures in, beside the PNG that the report shows."""

    def title(self, what: str) -> str:
        """The title of a training's progress bar: empty where none is shown.

        Args:
            what: is trained.
        """
        return what if self.progress else ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                _check_range(field.name, number)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """The fields of what is trained by `recipe.descent`."""

    steps: int = 1000
    """Training steps."""
    batch_size: int = 64
    """Examples per step."""
    learning_rate: float = 1e-3
    """Of Adam, decayed to 0 by a cosine."""
    ema: float = 0.998
    """Decay of the averaged parameters that are evaluated."""


@dataclass(frozen=True, kw_only=True)
class TaskConfig(TrainConfig):
    """The fields of a `Task`, which is validated while it trains."""

    evaluate_every: int = 500
    """Steps between validations."""


FROM_0 = ("seed", "process")
"""Whole numbers that may be 0; others are counts, from 1 on."""

POSITIVE = ("learning_rate", "tau", "scale", "step_size", "bound", "ranges")
"""Numbers that may not be 0; others may be."""

FRACTIONS = ("ema", "drop", "validation", "test")
"""Numbers from 0 to below 1."""


def _check_range(name: str, value: object) -> None:
    flag = f"--{name.replace('_', '-')}"
    if type(value) is int:
        least = 0 if name in FROM_0 else 1
        if value < least:
            raise InputError(f"{flag} must be at least {least}, got {value}.")
    elif isinstance(value, float):
        if not math.isfinite(value) or value < 0:
            raise InputError(f"{flag} must be a number from 0 on, got {value}.")
        if name in POSITIVE and value == 0:
            raise InputError(f"{flag} must be above 0, got {value}.")
        if name in FRACTIONS and value >= 1:
            raise InputError(f"{flag} must be below 1, got {value}.")


RUN_FIELDS = (
    "workdir",
    "devices",
    "coordinator",
    "processes",
    "process",
    "chunk",
    "resume",
    "check",
    "progress",
    "profile",
    "figures",
)
"""Fields that say how a run is made, not what it computes."""

RESUMED = ("chunk", "devices")
"""Those of them that a resumed run keeps: other programs round otherwise."""


def identity(config: RunConfig) -> dict[str, Any]:
    """Returns the fields that a run must share with the checkpoints it resumes from.

    Not how long it is: a resumed run may be longer. Nor how much memory its data take.
    """
    fields = dataclasses.asdict(config)
    other = (*RUN_FIELDS, "steps", "memory")
    return {name: value for name, value in fields.items() if name not in other}


def command(name: str, config: RunConfig) -> str:
    """Returns the command line that makes a run: the fields that are no defaults.

    Args:
        name: `family/name`.
        config: of the run.

    >>> command("vae/digits", TrainConfig(steps=9, check=True, workdir="a b"))
    "python -m experiments vae/digits --workdir 'a b' --check --steps 9"
    """
    words = ["python", "-m", "experiments", name]
    smoke = load(name).SMOKE if config.smoke else {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == smoke.get(field.name, field.default) or field.name == "resume":
            continue
        flag = field.name.replace("_", "-")
        if isinstance(field.default, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            several = value if isinstance(value, tuple | list) else (value,)
            words += [f"--{flag}", *map(str, several)]
    return shlex.join(words)
