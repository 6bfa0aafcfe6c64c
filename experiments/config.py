"""The settings that experiments share."""

import dataclasses
from dataclasses import dataclass
from typing import Any

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

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            is_count = type(value) is int and field.name not in ("seed", "process")
            if is_count and value < 1:
                raise InputError(f"--{field.name} must be at least 1, got {value}.")


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
)
"""Fields that say how a run is made, not what it computes."""

RESUMED = ("chunk", "devices")
"""Those of them that a resumed run keeps: other programs round otherwise."""


def identity(config: RunConfig) -> dict[str, Any]:
    """Returns the fields that a run must share with the checkpoints it resumes from."""
    fields = dataclasses.asdict(config)
    return {name: value for name, value in fields.items() if name not in RUN_FIELDS}
