"""Generative adversarial networks: losses, games, and how two players update.

    loss + penalties + augmentation -> game -> minimax(game, ...) -> Update

Where the next one goes: a loss of logits into `losses`, an f-divergence into `f_gan`; a
`Penalty`, which may remember, into `penalties`; an image transform into
`genjax.augment`. A game with other players is a file that gives what is real and what
is fake and leaves the rest to the engine, `adversarial`; one made of an objective is
`with_discriminator`; a game made of a game is like `unrolled`; who steps when, and by
which gradient, is a `schedules` function.
"""

from genjax.gan._augmentation import (
    Augmentation,
    adaptive_augment,
    diff_augment,
)
from genjax.gan._clipping import clip_weights
from genjax.gan._f_gan import (
    Divergence,
    f_gan,
    gan_divergence,
    jensen_shannon,
    kullback_leibler,
    pearson,
    reverse_kullback_leibler,
    squared_hellinger,
)
from genjax.gan._games import (
    auxiliary_classifier_gan,
    gan,
    latent_consistency,
    zero_sum,
)
from genjax.gan._inference import adversarial_autoencoder, ali, bigan, veegan
from genjax.gan._info_gan import info_gan
from genjax.gan._losses import (
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
from genjax.gan._minimax import minimax
from genjax.gan._penalties import (
    Penalty,
    PenaltyInputs,
    balanced_consistency,
    dragan,
    gradient_penalty,
    lazily,
    lecam,
    r1,
    r2,
)
from genjax.gan._schedules import (
    Players,
    Schedule,
    alternating,
    consensus,
    extragradient,
    simultaneous,
    symplectic,
)
from genjax.gan._unrolled import unrolled
from genjax.gan._with_discriminator import with_discriminator

__all__ = [
    "AdversarialLoss",
    "Augmentation",
    "Divergence",
    "Penalty",
    "PenaltyInputs",
    "Players",
    "Schedule",
    "adaptive_augment",
    "adversarial_autoencoder",
    "ali",
    "alternating",
    "auxiliary_classifier_gan",
    "balanced_consistency",
    "bigan",
    "clip_weights",
    "consensus",
    "diff_augment",
    "dragan",
    "extragradient",
    "f_gan",
    "gan",
    "gan_divergence",
    "gradient_penalty",
    "hinge",
    "info_gan",
    "jensen_shannon",
    "kullback_leibler",
    "latent_consistency",
    "lazily",
    "least_squares",
    "lecam",
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
    "unrolled",
    "veegan",
    "wasserstein",
    "with_discriminator",
    "zero_sum",
]
