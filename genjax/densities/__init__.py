"""Base distributions in log-space, and what turns a density into an objective."""

from genjax.densities.bernoulli import bernoulli
from genjax.densities.bernoulli_mixture import bernoulli_mixture, fit_bernoulli_mixture
from genjax.densities.bounded import logistic, uniform, uniform_one_hot
from genjax.densities.concatenated import concatenated
from genjax.densities.conditional import (
    conditional_bernoulli,
    conditional_normal,
    conditional_one_hot,
    embed_condition,
    gaussian_moments,
)
from genjax.densities.gaussian_mixture import gaussian_mixture
from genjax.densities.likelihood import (
    negative_log_likelihood,
    stochastic_likelihood,
)
from genjax.densities.normal import diagonal_normal, standard_normal
from genjax.densities.resampled import resampled
from genjax.densities.tempered import tempered

__all__ = [
    "bernoulli",
    "bernoulli_mixture",
    "concatenated",
    "conditional_bernoulli",
    "conditional_normal",
    "conditional_one_hot",
    "diagonal_normal",
    "embed_condition",
    "fit_bernoulli_mixture",
    "gaussian_mixture",
    "gaussian_moments",
    "logistic",
    "negative_log_likelihood",
    "resampled",
    "standard_normal",
    "stochastic_likelihood",
    "tempered",
    "uniform",
    "uniform_one_hot",
]
