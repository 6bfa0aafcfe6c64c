"""Detectors side by side: how well they detect, and what they cost."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.benchmarks.timing import alternating_ms
from genjax.base import Update
from genjax.detection import Boxes
from genjax.typing import Array, Batch, Variables


class Trained(NamedTuple):
    """A detector after its training.

    Fields:
        update: its training step.
        detect: `(variables, images) -> boxes`.
        variables: what it has learnt.
    """

    update: Update
    detect: Callable[[Variables, Array], Boxes]
    variables: Variables

    @property
    def parameters(self) -> int:
        """How many there are."""
        leaves = jax.tree.leaves(self.variables["params"])
        return sum(leaf.size for leaf in leaves)

    @property
    def compiled(self) -> Callable[[Array], Boxes]:
        """Detects in pictures."""
        return jax.jit(partial(self.detect, self.variables))


def costs(
    trained: Mapping[str, Trained], batch: Batch, image: Array
) -> dict[str, dict[str, float]]:
    """Parameters, and the times of a step and of detection, all taken in turn.

    Args:
        trained: detectors by name.
        batch: of a training step, which begins at the same state again and again.
        image: to detect in, `[1, h, w, c]`.

    Returns:
        `parameters`, `step_ms` and `inference_ms` of each.
    """
    rows: dict[str, dict[str, float]] = {
        name: {"parameters": own.parameters} for name, own in trained.items()
    }
    calls: Mapping[str, Sequence[Callable[[], Any]]] = {
        "step_ms": [_step(own.update, batch) for own in trained.values()],
        "inference_ms": [
            partial(own.compiled, jnp.asarray(image)) for own in trained.values()
        ],
    }
    for what, own in calls.items():
        for row, ms in zip(rows.values(), alternating_ms(*own), strict=True):
            row[what] = ms
    return rows


def by_name(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all detectors as metrics of one study.

    >>> by_name({"fcos": {"AP": 0.5}})
    {'AP_fcos': 0.5}
    """
    return {
        f"{name}_{detector}": value
        for detector, row in rows.items()
        for name, value in row.items()
    }


def _step(update: Update, batch: Batch) -> Callable[[], Any]:
    state = jax.jit(update.init)(jax.random.key(0), batch)
    return partial(jax.jit(update.step), state, batch)
