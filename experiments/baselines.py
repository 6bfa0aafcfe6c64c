"""One experiment as the baseline of another."""

from typing import Any

import jax

from experiments.catalogue import load
from genjax.training import averaged, fit


def measured(name: str, *, smoke: bool, seed: int) -> dict[str, Any]:
    """Trains an experiment with its own settings and returns its final figures.

    The variables are those of the best validation, as in a run by itself; nothing is
    written.

    Args:
        name: `family/name`.
        smoke: whether to take its smoke settings.
        seed: of the run.
    """
    module = load(name)
    config = module.Config(smoke=smoke, seed=seed, **(module.SMOKE if smoke else {}))
    task = module.build(config)
    validate = jax.jit(lambda variables: task.validate(averaged(variables)))
    best: list[tuple[float, Any]] = []

    def score(step: int, variables: Any) -> dict[str, Any]:
        value = float(validate(variables))
        if not best or value < best[0][0]:
            best[:] = [(value, jax.tree.map(lambda leaf: leaf.copy(), variables))]
        return {}

    fit(
        task.update,
        task.pipeline,
        key=jax.random.key(seed),
        steps=config.steps,
        evaluate=score,
        evaluate_every=config.evaluate_every,
        chunk=config.chunk,
        show_progress=False,
    )
    return dict(task.evaluate(averaged(best[0][1])))
