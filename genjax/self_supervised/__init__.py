"""Self-supervised encoders: contrastive losses and the objectives made of them."""

from genjax.self_supervised._contrastive import (
    normalize,
    ntxent,
    ntxent_dense,
    symmetric_infonce,
    symmetric_infonce_dense,
)
from genjax.self_supervised._deep_infomax import deep_infomax
from genjax.self_supervised._simclr import simclr

__all__ = [
    "deep_infomax",
    "normalize",
    "ntxent",
    "ntxent_dense",
    "simclr",
    "symmetric_infonce",
    "symmetric_infonce_dense",
]
