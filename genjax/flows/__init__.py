"""Normalizing flows: invertible maps whose log-determinants compose."""

from genjax.flows._architectures import glow, realnvp
from genjax.flows._autoregressive import (
    autoregressive_flow,
    cached,
    jacobi,
    masked_autoregressive,
    sequential,
)
from genjax.flows._block_autoregressive import block_autoregressive
from genjax.flows._compose import chain, invert, repeat, stack
from genjax.flows._coupling import (
    alternating_mask,
    checkerboard_mask,
    coupling,
    masked_coupling,
)
from genjax.flows._density import density
from genjax.flows._dequantization import variational_dequantization
from genjax.flows._elementwise import (
    Elementwise,
    affine,
    elementwise,
    exponential,
    leaky_relu,
    logistic_mixture_cdf,
    normal_cdf,
    power,
    scale,
    shift,
    sigmoid,
    softplus,
    swap_directions,
    tanh,
)
from genjax.flows._image import actnorm, glow_step, multiscale, squeeze
from genjax.flows._interpolation import interpolate
from genjax.flows._linear import householder, plu, qr, triangular
from genjax.flows._permutation import identity, permutation, reverse
from genjax.flows._planar import planar, radial
from genjax.flows._residual import (
    exact_log_det,
    power_series_log_det,
    residual,
    russian_roulette_log_det,
)
from genjax.flows._spline import (
    bernstein_polynomial,
    bounded_rational_quadratic_spline,
    circular_rational_quadratic_spline,
    cubic_spline,
    linear_spline,
    quadratic_spline,
    rational_quadratic_spline,
)
from genjax.flows._sylvester import (
    householder_sylvester,
    orthogonal_sylvester,
    triangular_sylvester,
)

__all__ = [
    "Elementwise",
    "actnorm",
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
    "coupling",
    "cubic_spline",
    "density",
    "elementwise",
    "exact_log_det",
    "exponential",
    "glow",
    "glow_step",
    "householder",
    "householder_sylvester",
    "identity",
    "interpolate",
    "invert",
    "jacobi",
    "leaky_relu",
    "linear_spline",
    "logistic_mixture_cdf",
    "masked_autoregressive",
    "masked_coupling",
    "multiscale",
    "normal_cdf",
    "orthogonal_sylvester",
    "permutation",
    "planar",
    "plu",
    "power",
    "power_series_log_det",
    "qr",
    "quadratic_spline",
    "radial",
    "rational_quadratic_spline",
    "realnvp",
    "repeat",
    "residual",
    "reverse",
    "russian_roulette_log_det",
    "scale",
    "sequential",
    "shift",
    "sigmoid",
    "softplus",
    "squeeze",
    "stack",
    "swap_directions",
    "tanh",
    "triangular",
    "triangular_sylvester",
    "variational_dequantization",
]
