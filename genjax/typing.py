"""The names that annotate every signature of the library.

Shapes are written with jaxtyping. `b` is the one leading batch axis, `*event` are the
axes of one example, `n` counts samples; the tests check them at run time.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

Key: TypeAlias = PRNGKeyArray
"""A typed PRNG key, as `jax.random.key` makes it; consumed once."""

Params: TypeAlias = Any
"""A pytree of arrays that an optimiser moves."""

Variables: TypeAlias = Mapping[str, Any]
"""Collections by name: `{"params": ..., "batch_stats": ..., ...}`."""

Batch: TypeAlias = Any
"""A pytree of arrays that share one leading batch axis `b`."""

Metrics: TypeAlias = Mapping[str, Array]
"""Scalars by name, each already a mean over the batch."""

Event: TypeAlias = Float[Array, "b *event"]
"""A batch of examples."""

Condition: TypeAlias = Float[Array, "b *condition"] | None
"""What a conditional model is conditioned on, a row an example, or nothing."""

PerExample: TypeAlias = Float[Array, " b"]
"""One number an example: a log-density or a log-determinant, in nats."""

Scalar: TypeAlias = Float[Array, ""]

__all__ = [
    "Array",
    "Batch",
    "Bool",
    "Condition",
    "Event",
    "Float",
    "Int",
    "Key",
    "Metrics",
    "Params",
    "PerExample",
    "Scalar",
    "Variables",
]
