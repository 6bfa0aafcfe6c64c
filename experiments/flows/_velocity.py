"""How the velocities of the rectified flows are trained."""

from typing import Any

import optax

from genjax.base import Objective, Update
from genjax.training import gradient_descent, with_ema


def velocity_update(config: Any, objective: Objective) -> Update:
    """Adam with a cosine to 0, and an average.

    Args:
        config: has `learning_rate`, `steps` and `ema`.
        objective: of the velocity.
    """
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    return with_ema(gradient_descent(objective, optax.adam(schedule)), decay=config.ema)
