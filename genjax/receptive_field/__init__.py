"""Receptive fields: the jaxpr walk, the impulse oracle, the classic recursion."""

from genjax.receptive_field.field import (
    Field,
    impulse_response,
    layer_recursion,
    receptive_field,
)
from genjax.receptive_field.walk import trace_sight

__all__ = [
    "Field",
    "impulse_response",
    "layer_recursion",
    "receptive_field",
    "trace_sight",
]
