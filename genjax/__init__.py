"""Generative models, encoders and detectors as composable pure-function transforms.

Start with `genjax.base`: the contracts that every method is made of.
"""

from genjax import (
    augment,
    autoregressive,
    data,
    densities,
    detection,
    flow_matching,
    flows,
    gan,
    metrics,
    mutual_information,
    nn,
    perceptron,
    plotting,
    programs,
    receptive_field,
    self_supervised,
    smooth,
    training,
    vae,
)
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
