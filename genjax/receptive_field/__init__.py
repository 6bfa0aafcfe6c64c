"""Receptive fields of any JAX function, read off its program; nothing is executed."""

from genjax.receptive_field._effective import Effective, effective
from genjax.receptive_field._field import (
    Field,
    classic,
    impulse_response,
    receptive_field,
)
from genjax.receptive_field._layers import Layer, Range, layerwise, useful_range
from genjax.receptive_field._sets import (
    Support,
    dependency,
    is_autoregressive,
    support,
)

__all__ = [
    "Effective",
    "Field",
    "Layer",
    "Range",
    "Support",
    "classic",
    "dependency",
    "effective",
    "impulse_response",
    "is_autoregressive",
    "layerwise",
    "receptive_field",
    "support",
    "useful_range",
]
