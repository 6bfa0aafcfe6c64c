"""The names that annotate every signature of the library.

Shapes are written with jaxtyping. `b` is the one leading batch axis, `*event` are the
axes of one example, `n` counts samples; the tests check them at run time. A name that
stands for "any pytree" says which one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, PRNGKeyArray

Key: TypeAlias = PRNGKeyArray
"""A typed PRNG key, as `jax.random.key` makes it; consumed once."""

Tree: TypeAlias = Any
"""A pytree of arrays."""


@runtime_checkable
class Collection(Protocol):
    """What stands under a name of `variables`: a pytree of arrays with `[]`.

    It is not declared a mapping, so that `variables["params"]` is an error of the type
    checker where `variables` are wanted.
    """

    def __getitem__(self, key: Any, /) -> Any:
        """What stands under a key."""
        ...


Params: TypeAlias = Any
"""A pytree of arrays that an optimiser moves: `variables["params"]`."""

Variables: TypeAlias = Mapping[str, Collection]
"""What a model holds, collections by name: `{"params": ..., "batch_stats": ...}`."""

Memory: TypeAlias = Any
"""What a penalty or an augmentation of a game remembers: floats by name."""

OptState: TypeAlias = Any
"""The state of an optimiser."""

Batch: TypeAlias = Any
"""A pytree of arrays that share one leading batch axis `b`."""

Metrics: TypeAlias = dict[str, Array]
"""Scalars by name, each already a mean over the batch."""

Input: TypeAlias = Any
"""What a network takes: arrays, or pytrees of them, with one row per example."""

Output: TypeAlias = Any
"""What a network returns: an array, or a pytree of them."""

Features: TypeAlias = Any
"""Feature maps `[b, h, w, c]`, or a tuple of them, the finest first."""

Raw: TypeAlias = Any
"""The raw predictions of a detection head."""

Targets: TypeAlias = Any
"""What the predictions of a detection head are compared with."""

Boxes: TypeAlias = Any
"""Boxes with classes, scores and a validity mask."""

Carry: TypeAlias = Any
"""What a scan carries from one iteration to the next."""

Scanned: TypeAlias = Any
"""What a scan takes or gives at each iteration."""

Figure: TypeAlias = Any
"""A figure of Matplotlib."""

Dtype: TypeAlias = Any
"""What NumPy takes for a type of numbers."""

Event: TypeAlias = Float[Array, "b *event"]
"""A batch of examples."""

Condition: TypeAlias = Float[Array, "b *condition"] | None
"""What a conditional model is conditioned on, a row per example, or nothing."""

Order: TypeAlias = Sequence[int] | np.ndarray | Array
"""The dimension that comes first, the second one, ..."""

Latent: TypeAlias = Float[Array, "b *latent"]
"""A latent for each example."""

Mask: TypeAlias = Bool[Array, "*mask"] | Bool[np.ndarray, "*mask"]
"""Which entries of an event are observed."""

PerExample: TypeAlias = Float[Array, " b"]
"""One number per example: a log-density or a log-determinant, in nats."""

Scalar: TypeAlias = Float[Array, ""]

Outcome: TypeAlias = tuple[Scalar, tuple[Variables, Metrics]]
"""A loss with the collections that its pass has changed and its metrics."""

__all__ = [
    "Array",
    "Batch",
    "Bool",
    "Boxes",
    "Carry",
    "Collection",
    "Condition",
    "Dtype",
    "Event",
    "Features",
    "Figure",
    "Float",
    "Input",
    "Int",
    "Key",
    "Latent",
    "Mask",
    "Memory",
    "Metrics",
    "Num",
    "OptState",
    "Order",
    "Outcome",
    "Output",
    "Params",
    "PerExample",
    "Raw",
    "Scalar",
    "Scanned",
    "Targets",
    "Tree",
    "Variables",
]
