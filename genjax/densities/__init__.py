"""Base distributions in log-space, and what turns a density into an objective."""

from genjax.densities.bernoulli import bernoulli
from genjax.densities.bernoulli_mixture import bernoulli_mixture, fit_bernoulli_mixture
from genjax.densities.likelihood import negative_log_likelihood
from genjax.densities.normal import diagonal_normal, standard_normal

__all__ = [
    "bernoulli",
    "bernoulli_mixture",
    "diagonal_normal",
    "fit_bernoulli_mixture",
    "negative_log_likelihood",
    "standard_normal",
]
