"""Normalizing flows: invertible maps whose log-determinants compose."""

from genjax.flows.compose import chain, invert, repeat
from genjax.flows.coupling import affine_coupling
from genjax.flows.density import density
from genjax.flows.permutation import permutation, reverse

__all__ = [
    "affine_coupling",
    "chain",
    "density",
    "invert",
    "permutation",
    "repeat",
    "reverse",
]
