"""Base distributions in log-space, and what turns a density into an objective."""

from genjax.densities._bernoulli import bernoulli
from genjax.densities._bernoulli_mixture import (
    bernoulli_mixture,
    fit_bernoulli_mixture,
)
from genjax.densities._bounded import logistic, uniform, uniform_one_hot
from genjax.densities._concatenated import concatenated
from genjax.densities._conditional import (
    conditional_bernoulli,
    conditional_normal,
    conditional_one_hot,
    embed_condition,
)
from genjax.densities._langevin import Completion, langevin_inpaint
from genjax.densities._likelihood import (
    conditional_likelihood,
    negative_log_likelihood,
)
from genjax.densities._normal import diagonal_normal, kl_divergence, standard_normal
from genjax.densities._normal_mixture import diagonal_normal_mixture
from genjax.densities._resampled import resampled
from genjax.densities._tempered import tempered
from genjax.densities._toy import (
    checkerboard,
    eight_gaussians,
    gaussian_grid,
    grid_centres,
    ring_centres,
    spirals,
    two_moons,
)

__all__ = [
    "Completion",
    "bernoulli",
    "bernoulli_mixture",
    "checkerboard",
    "concatenated",
    "conditional_bernoulli",
    "conditional_likelihood",
    "conditional_normal",
    "conditional_one_hot",
    "diagonal_normal",
    "diagonal_normal_mixture",
    "eight_gaussians",
    "embed_condition",
    "fit_bernoulli_mixture",
    "gaussian_grid",
    "grid_centres",
    "kl_divergence",
    "langevin_inpaint",
    "logistic",
    "negative_log_likelihood",
    "resampled",
    "ring_centres",
    "spirals",
    "standard_normal",
    "tempered",
    "two_moons",
    "uniform",
    "uniform_one_hot",
]
