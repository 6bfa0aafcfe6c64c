"""Normalizing flows: invertible maps whose log-determinants compose."""

from genjax.flows.autoregressive import (
    cached,
    jacobi,
    masked_autoregressive,
    sequential,
)
from genjax.flows.compose import chain, invert, repeat, stack
from genjax.flows.continuous import continuous
from genjax.flows.coupling import (
    alternating_mask,
    checkerboard_mask,
    coupling,
    masked_coupling,
)
from genjax.flows.density import density
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
from genjax.flows.image import actnorm, glow_step, multiscale, squeeze
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
    flow_matching,
    gaussian_mixture_velocity,
    straightness,
    transport,
)
from genjax.flows.solvers import euler, heun, integrate, midpoint, rk4
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
    "Elementwise",
    "actnorm",
    "affine",
    "alternating_mask",
    "bernstein_polynomial",
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
    "elementwise",
    "euler",
    "exponential",
    "flip",
    "flow_matching",
    "gaussian_mixture_velocity",
    "glow_step",
    "heun",
    "householder",
    "householder_sylvester",
    "identity",
    "integrate",
    "inverse_and_log_det",
    "invert",
    "invertible",
    "jacobi",
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
    "qr",
    "quadratic_spline",
    "radial",
    "rational_quadratic_spline",
    "repeat",
    "reverse",
    "rk4",
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
    "with_dense_log_det",
    "with_diagonal_log_det",
    "with_triangular_log_det",
]
