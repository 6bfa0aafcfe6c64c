"""One experiment as the baseline of another."""

from typing import Any

import jax

from experiments.catalogue import load
from experiments.selection import train_to_best


def measured(name: str, *, smoke: bool, seed: int, progress: bool) -> dict[str, Any]:
    """Trains an experiment with its own settings and returns its final figures.

    The variables are those of the best validation, as in a run by itself; nothing is
    written.

    Args:
        name: `family/name`.
        smoke: whether to take its smoke settings.
        seed: of the run.
        progress: whether to show it.
    """
    module = load(name)
    own = module.SMOKE if smoke else {}
    config = module.Config(smoke=smoke, seed=seed, progress=progress, **own)
    task = module.build(config)
    best = train_to_best(
        task.update,
        task.pipeline,
        lambda variables: task.validate(variables),
        key=jax.random.key(seed),
        steps=config.steps,
        every=config.evaluate_every,
        title=config.title(f"baseline: {name}"),
        chunk=config.chunk,
    )
    return dict(task.evaluate(best))
