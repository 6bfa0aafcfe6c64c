"""Generative adversarial networks: losses, games, and how two players update."""

from genjax.gan.games import gan, zero_sum
from genjax.gan.losses import AdversarialLoss, non_saturating, saturating
from genjax.gan.minimax import alternating, minimax, simultaneous
from genjax.gan.penalties import r1

__all__ = [
    "AdversarialLoss",
    "alternating",
    "gan",
    "minimax",
    "non_saturating",
    "r1",
    "saturating",
    "simultaneous",
    "zero_sum",
]
