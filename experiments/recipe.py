"""How the experiments train: one optimiser, one schedule, one average."""

import optax

from experiments.config import TrainConfig
from genjax.base import Objective, Update
from genjax.training import gradient_descent, with_ema


def adam(
    learning_rate: float,
    steps: int,
    *,
    weight_decay: float = 0.0,
    clip: float | None = None,
    warmup: int = 0,
) -> optax.GradientTransformation:
    """Adam with a rate that a cosine takes to 0.

    Args:
        learning_rate: the largest rate.
        steps: of the whole training.
        weight_decay: decoupled.
        clip: the largest norm of a gradient; as it is when None.
        warmup: steps in which the rate rises from 0.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        0.0 if warmup else learning_rate, learning_rate, warmup, steps
    )
    optimizer = optax.adamw(schedule, weight_decay=weight_decay)
    if clip is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(clip), optimizer)


def descent(
    config: TrainConfig,
    objective: Objective,
    *,
    weight_decay: float = 0.0,
    clip: float | None = None,
    warmup: int = 0,
) -> Update:
    """A step of `adam`, and the average that is evaluated.

    Args:
        config: the steps, the rate and the average's decay.
        objective: what to minimise.
        weight_decay: as in `adam`.
        clip: as in `adam`.
        warmup: as in `adam`.
    """
    optimizer = adam(
        config.learning_rate,
        config.steps,
        weight_decay=weight_decay,
        clip=clip,
        warmup=warmup,
    )
    return with_ema(gradient_descent(objective, optimizer), decay=config.ema)
