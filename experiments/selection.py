"""Training without a run folder: to the last step, or to the best validation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console

from genjax.base import Update
from genjax.data import Pipeline
from genjax.training import fit
from genjax.typing import Array, Key, Variables


def train_to_end(
    update: Update,
    pipeline: Pipeline,
    *,
    key: Key,
    steps: int,
    title: str,
    chunk: int = 100,
) -> Variables:
    """Trains, and returns the last variables, averaged where there is an average.

    Args:
        update: a training step.
        pipeline: its batches.
        key: of the initial state.
        steps: how many.
        title: of the progress bar; empty for none.
        chunk: the most steps per compiled chunk.
    """
    _tell(title)
    state = fit(
        update, pipeline, key=key, steps=steps, chunk=chunk, show_progress=bool(title)
    )
    return state.evaluated


def train_to_best(
    update: Update,
    pipeline: Pipeline,
    validate: Callable[[Variables], Array],
    *,
    key: Key,
    steps: int,
    every: int,
    title: str,
    chunk: int = 100,
) -> Variables:
    """Trains, and returns the variables of the best validation; nothing is written.

    Args:
        update: a training step, of one run or of several side by side.
        pipeline: its batches.
        validate: `variables -> score`, a scalar or one per run; lower is better.
        key: of the initial state.
        steps: how many.
        every: steps between validations.
        title: of the progress bar; empty for none.
        chunk: the most steps per compiled chunk.
    """
    best: list[tuple[Array, Variables]] = []

    @jax.jit
    def better(kept: tuple[Array, Variables], new: tuple[Array, Variables]) -> Any:
        is_better = new[0] < kept[0]

        def choose(old: Array, fresh: Array) -> Array:
            extra = fresh.ndim - is_better.ndim
            return jnp.where(
                is_better.reshape(*is_better.shape, *[1] * extra), fresh, old
            )

        return jax.tree.map(choose, kept, new)

    scored = jax.jit(lambda variables: (validate(variables), variables))

    def score(step: int, variables: Variables) -> dict[str, Array]:
        del step
        new = scored(variables)
        best[:] = [better(best[0], new) if best else new]
        return {}

    _tell(title)
    fit(
        update,
        pipeline,
        key=key,
        steps=steps,
        evaluate=score,
        evaluate_every=every,
        chunk=chunk,
        show_progress=bool(title),
    )
    return best[0][1]


def _tell(title: str) -> None:
    if title:
        Console().print(title, highlight=False)
