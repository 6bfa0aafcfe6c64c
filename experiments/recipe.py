"""How the experiments train: one optimiser, one schedule, one average."""

import optax

from experiments.config import TrainConfig
from genjax.base import Objective, Update
from genjax.training import gradient_descent, with_ema


def descent(
    config: TrainConfig,
    objective: Objective,
    *,
    weight_decay: float = 0.0,
    clip: float | None = None,
    warmup: int = 0,
) -> Update:
    """Adam with a rate that a cosine takes to 0, and the average that is evaluated.

    Args:
        config: the steps, the rate and the average's decay.
        objective: what to minimise.
        weight_decay: decoupled.
        clip: the largest norm of a gradient; as it is when None.
        warmup: steps in which the rate rises from 0.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        0.0 if warmup else config.learning_rate,
        config.learning_rate,
        warmup,
        config.steps,
    )
    adam = optax.adamw(schedule, weight_decay=weight_decay)
    optimizer = (
        adam if clip is None else optax.chain(optax.clip_by_global_norm(clip), adam)
    )
    return with_ema(gradient_descent(objective, optimizer), decay=config.ema)
