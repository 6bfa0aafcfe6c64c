"""Variational autoencoders: latent-variable models and the bounds that train them."""

from genjax.vae._bounds import (
    closed_form_kl,
    elbo,
    iwae,
    log_likelihood,
    log_weights,
    sampled_kl,
)
from genjax.vae._model import (
    LatentModel,
    decode,
    encode,
    init,
    reconstruct,
    sample,
)

__all__ = [
    "LatentModel",
    "closed_form_kl",
    "decode",
    "elbo",
    "encode",
    "init",
    "iwae",
    "log_likelihood",
    "log_weights",
    "reconstruct",
    "sample",
    "sampled_kl",
]
