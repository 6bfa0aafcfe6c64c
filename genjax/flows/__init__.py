"""Normalizing flows: invertible maps whose log-determinants compose."""

from genjax.flows.compose import chain, invert, repeat
from genjax.flows.continuous import continuous
from genjax.flows.coupling import affine_coupling
from genjax.flows.density import density
from genjax.flows.permutation import permutation, reverse
from genjax.flows.rectified import (
    flow_matching,
    gaussian_mixture_velocity,
    linear_path,
    logit_normal_times,
    straightness,
    transport,
    uniform_times,
)
from genjax.flows.solvers import euler, integrate, rk4

__all__ = [
    "affine_coupling",
    "chain",
    "continuous",
    "density",
    "euler",
    "flow_matching",
    "gaussian_mixture_velocity",
    "integrate",
    "invert",
    "linear_path",
    "logit_normal_times",
    "permutation",
    "repeat",
    "reverse",
    "rk4",
    "straightness",
    "transport",
    "uniform_times",
]
