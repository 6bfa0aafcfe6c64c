"""What type checkers and editors see of the families, which are imported late."""

from genjax import (
    augment as augment,
    autoregressive as autoregressive,
    data as data,
    densities as densities,
    detection as detection,
    flow_matching as flow_matching,
    flows as flows,
    gan as gan,
    metrics as metrics,
    mutual_information as mutual_information,
    nn as nn,
    perceptron as perceptron,
    plotting as plotting,
    programs as programs,
    receptive_field as receptive_field,
    self_supervised as self_supervised,
    smooth as smooth,
    training as training,
    vae as vae,
)
from genjax.base import (
    Bijector as Bijector,
    Density as Density,
    Game as Game,
    Head as Head,
    Network as Network,
    Objective as Objective,
    TrainState as TrainState,
    Update as Update,
)
from genjax.errors import (
    GenjaxError as GenjaxError,
    InputError as InputError,
    RunError as RunError,
)

__version__: str
