"""Variational autoencoders: latent-variable models and the bounds that train them."""

from genjax.vae.bounds import elbo, gaussian_kl, iwae, log_likelihood, log_weights
from genjax.vae.model import LatentModel, reconstruct, sample

__all__ = [
    "LatentModel",
    "elbo",
    "gaussian_kl",
    "iwae",
    "log_likelihood",
    "log_weights",
    "reconstruct",
    "sample",
]
