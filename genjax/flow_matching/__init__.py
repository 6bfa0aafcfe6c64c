"""Flow matching: paths from noise to data, the velocities that follow them, solvers.

Time 0 is noise, time 1 is data. `flow_matching` learns a velocity, `transport` follows
it, and through `continuous` it is a bijector with its log-determinant.
"""

from genjax.flow_matching._adaptive import adaptive
from genjax.flow_matching._continuous import (
    continuous,
    exact_divergence,
    hutchinson_divergence,
)
from genjax.flow_matching._guidance import drop_condition, guided
from genjax.flow_matching._inpainting import flow_inpaint
from genjax.flow_matching._pairs import optimal_pairs
from genjax.flow_matching._paths import (
    cosine_path,
    linear_path,
    polynomial_path,
    scheduled_path,
    variance_preserving_path,
)
from genjax.flow_matching._rectified import (
    distillation,
    flow_matching,
    reflow_pairs,
    straightness,
    transport,
)
from genjax.flow_matching._solvers import (
    euler,
    fixed_steps,
    heun,
    midpoint,
    rk4,
)
from genjax.flow_matching._times import (
    logit_normal_times,
    mode_times,
    u_shaped_times,
    uniform_times,
)
from genjax.flow_matching._velocity import normal_mixture_velocity, velocity

__all__ = [
    "adaptive",
    "continuous",
    "cosine_path",
    "distillation",
    "drop_condition",
    "euler",
    "exact_divergence",
    "fixed_steps",
    "flow_inpaint",
    "flow_matching",
    "guided",
    "heun",
    "hutchinson_divergence",
    "linear_path",
    "logit_normal_times",
    "midpoint",
    "mode_times",
    "normal_mixture_velocity",
    "optimal_pairs",
    "polynomial_path",
    "reflow_pairs",
    "rk4",
    "scheduled_path",
    "straightness",
    "transport",
    "u_shaped_times",
    "uniform_times",
    "variance_preserving_path",
    "velocity",
]
