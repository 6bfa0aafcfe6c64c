"""Generative models, encoders and detectors as composable pure-function transforms.

Start with `genjax.base`: the contracts that every method is made of. A family is
imported when it is first used, so that `import genjax` costs nothing.
"""

from importlib import import_module
from types import ModuleType

from genjax.base import (
    Bijector,
    Density,
    Game,
    Head,
    Network,
    Objective,
    TrainState,
    Update,
)
from genjax.errors import GenjaxError, InputError, RunError

__version__ = "0.1.0"

__all__ = [
    "Bijector",
    "Density",
    "Game",
    "GenjaxError",
    "Head",
    "InputError",
    "Network",
    "Objective",
    "RunError",
    "TrainState",
    "Update",
    "augment",
    "autoregressive",
    "data",
    "densities",
    "detection",
    "flow_matching",
    "flows",
    "gan",
    "metrics",
    "mutual_information",
    "nn",
    "perceptron",
    "plotting",
    "programs",
    "receptive_field",
    "self_supervised",
    "smooth",
    "training",
    "vae",
]


def __getattr__(name: str) -> ModuleType:
    """Imports a family when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'genjax' has no attribute {name!r}")
    return import_module(f"genjax.{name}")


def __dir__() -> list[str]:
    return __all__
