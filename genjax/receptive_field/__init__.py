"""Receptive fields: the jaxpr walk, the impulse oracle, the classic recursion."""

from genjax.receptive_field._field import (
    ReceptiveField,
    impulse_response,
    layer_recursion,
    receptive_field,
)

__all__ = [
    "ReceptiveField",
    "impulse_response",
    "layer_recursion",
    "receptive_field",
]
