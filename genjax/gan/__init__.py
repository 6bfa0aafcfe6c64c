"""Generative adversarial networks: losses, games, and how two players update."""

from genjax.gan.f_gan import (
    Divergence,
    f_gan,
    gan_divergence,
    jensen_shannon,
    kullback_leibler,
    pearson,
    reverse_kullback_leibler,
    squared_hellinger,
)
from genjax.gan.games import gan, zero_sum
from genjax.gan.losses import (
    AdversarialLoss,
    hinge,
    least_squares,
    non_saturating,
    relativistic_average,
    relativistic_paired,
    saturating,
    softmax_gan,
    wasserstein,
)
from genjax.gan.minimax import minimax
from genjax.gan.penalties import dragan, gradient_penalty, r1, r2
from genjax.gan.schedules import (
    alternating,
    consensus,
    extragradient,
    simultaneous,
    symplectic,
)

__all__ = [
    "AdversarialLoss",
    "Divergence",
    "alternating",
    "consensus",
    "dragan",
    "extragradient",
    "f_gan",
    "gan",
    "gan_divergence",
    "gradient_penalty",
    "hinge",
    "jensen_shannon",
    "kullback_leibler",
    "least_squares",
    "minimax",
    "non_saturating",
    "pearson",
    "r1",
    "r2",
    "relativistic_average",
    "relativistic_paired",
    "reverse_kullback_leibler",
    "saturating",
    "simultaneous",
    "softmax_gan",
    "squared_hellinger",
    "symplectic",
    "wasserstein",
    "zero_sum",
]
