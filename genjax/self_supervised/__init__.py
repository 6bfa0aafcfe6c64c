"""Self-supervised encoders: contrastive losses and the objectives made of them."""

from genjax.self_supervised.augmentation import random_affine
from genjax.self_supervised.contrastive import (
    infonce,
    infonce_dense,
    normalize,
    ntxent,
    ntxent_dense,
)
from genjax.self_supervised.deep_infomax import deep_infomax
from genjax.self_supervised.simclr import simclr

__all__ = [
    "deep_infomax",
    "infonce",
    "infonce_dense",
    "normalize",
    "ntxent",
    "ntxent_dense",
    "random_affine",
    "simclr",
]
