"""Normalizing flows: invertible maps whose log-determinants compose."""

from genjax.flows.architectures import glow, realnvp
from genjax.flows.autoregressive import (
    autoregressive_flow,
    cached,
    jacobi,
    masked_autoregressive,
    sequential,
)
from genjax.flows.block_autoregressive import block_autoregressive
from genjax.flows.compose import chain, invert, repeat, stack
from genjax.flows.continuous import (
    continuous,
    exact_divergence,
    hutchinson_divergence,
)
from genjax.flows.coupling import (
    alternating_mask,
    checkerboard_mask,
    coupling,
    masked_coupling,
)
from genjax.flows.density import density
from genjax.flows.dequantization import variational_dequantization
from genjax.flows.elementwise import (
    Elementwise,
    affine,
    elementwise,
    exponential,
    flip,
    leaky_relu,
    logistic_mixture_cdf,
    normal_cdf,
    power,
    scale,
    shift,
    sigmoid,
    softplus,
    tanh,
)
from genjax.flows.guidance import drop_condition, guided
from genjax.flows.image import actnorm, glow_step, multiscale, squeeze
from genjax.flows.inpainting import Completion, flow_inpaint, langevin_inpaint
from genjax.flows.interpolation import interpolate
from genjax.flows.inverse import inverse_and_log_det, invertible
from genjax.flows.linear import householder, plu, qr, triangular
from genjax.flows.log_det import (
    with_dense_log_det,
    with_diagonal_log_det,
    with_triangular_log_det,
)
from genjax.flows.paths import (
    cosine_path,
    linear_path,
    logit_normal_times,
    mode_times,
    optimal_pairs,
    polynomial_path,
    scheduled_path,
    u_shaped_times,
    uniform_times,
    variance_preserving_path,
)
from genjax.flows.permutation import identity, permutation, reverse
from genjax.flows.planar import planar, radial
from genjax.flows.rectified import (
    distillation,
    flow_matching,
    gaussian_mixture_velocity,
    reflow_pairs,
    straightness,
    transport,
)
from genjax.flows.residual import (
    exact_log_det,
    power_series_log_det,
    residual,
    russian_roulette_log_det,
)
from genjax.flows.solvers import adaptive, euler, fixed_steps, heun, midpoint, rk4
from genjax.flows.spline import (
    bernstein_polynomial,
    bounded_rational_quadratic_spline,
    circular_rational_quadratic_spline,
    cubic_spline,
    linear_spline,
    quadratic_spline,
    rational_quadratic_spline,
)
from genjax.flows.sylvester import (
    householder_sylvester,
    orthogonal_sylvester,
    triangular_sylvester,
)

__all__ = [
    "Completion",
    "Elementwise",
    "actnorm",
    "adaptive",
    "affine",
    "alternating_mask",
    "autoregressive_flow",
    "bernstein_polynomial",
    "block_autoregressive",
    "bounded_rational_quadratic_spline",
    "cached",
    "chain",
    "checkerboard_mask",
    "circular_rational_quadratic_spline",
    "continuous",
    "cosine_path",
    "coupling",
    "cubic_spline",
    "density",
    "distillation",
    "drop_condition",
    "elementwise",
    "euler",
    "exact_divergence",
    "exact_log_det",
    "exponential",
    "fixed_steps",
    "flip",
    "flow_inpaint",
    "flow_matching",
    "gaussian_mixture_velocity",
    "glow",
    "glow_step",
    "guided",
    "heun",
    "householder",
    "householder_sylvester",
    "hutchinson_divergence",
    "identity",
    "interpolate",
    "inverse_and_log_det",
    "invert",
    "invertible",
    "jacobi",
    "langevin_inpaint",
    "leaky_relu",
    "linear_path",
    "linear_spline",
    "logistic_mixture_cdf",
    "logit_normal_times",
    "masked_autoregressive",
    "masked_coupling",
    "midpoint",
    "mode_times",
    "multiscale",
    "normal_cdf",
    "optimal_pairs",
    "orthogonal_sylvester",
    "permutation",
    "planar",
    "plu",
    "polynomial_path",
    "power",
    "power_series_log_det",
    "qr",
    "quadratic_spline",
    "radial",
    "rational_quadratic_spline",
    "realnvp",
    "reflow_pairs",
    "repeat",
    "residual",
    "reverse",
    "rk4",
    "russian_roulette_log_det",
    "scale",
    "scheduled_path",
    "sequential",
    "shift",
    "sigmoid",
    "softplus",
    "squeeze",
    "stack",
    "straightness",
    "tanh",
    "transport",
    "triangular",
    "triangular_sylvester",
    "u_shaped_times",
    "uniform_times",
    "variance_preserving_path",
    "variational_dequantization",
    "with_dense_log_det",
    "with_diagonal_log_det",
    "with_triangular_log_det",
]
