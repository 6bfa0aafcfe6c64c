"""Probabilistic PCA: a latent-variable model whose every quantity is closed form.

x = W z + noise,   z ~ N(0, I),   noise ~ N(0, s^2 I)
p(x) = N(0, W W^T + s^2 I),   p(z | x) = N(M^-1 W^T x, s^2 M^-1),  M = W^T W + s^2 I
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from genjax.base import Network
from genjax.densities import conditional_normal, standard_normal
from genjax.vae import LatentModel

NOISE = 0.5


class Ppca:
    """With W of given columns; the posterior is the mean-field one of given scales."""

    def __init__(self, w):
        self.w = np.asarray(w, np.float64)
        self.precision = self.w.T @ self.w + NOISE**2 * np.eye(self.w.shape[1])
        self.encoder = np.linalg.solve(self.precision, self.w.T).T

    def sample(self, n):
        rng = np.random.default_rng(0)
        z = rng.normal(size=(n, self.w.shape[1]))
        noise = NOISE * rng.normal(size=(n, len(self.w)))
        return jnp.asarray(z @ self.w.T + noise, jnp.float32)

    def log_prob(self, x):
        covariance = self.w @ self.w.T + NOISE**2 * np.eye(len(self.w))
        return stats.multivariate_normal(np.zeros(len(self.w)), covariance).logpdf(x)

    def kl_of_the_mean_field(self):
        """KL of the best diagonal posterior against the exact one, for every x."""
        scales = NOISE**2 / np.diag(self.precision)
        exact = NOISE**2 * np.linalg.inv(self.precision)
        return 0.5 * (np.linalg.slogdet(exact)[1] - np.log(scales).sum())

    def encode(self):
        """The network of the best diagonal posterior: `[mean, log_scale]`."""
        log_scale = np.log(NOISE) - 0.5 * np.log(np.diag(self.precision))
        raw = jnp.asarray(7 * np.arctanh(log_scale / 7), jnp.float32)
        mean = jnp.asarray(self.encoder, jnp.float32)

        def apply(variables, x):
            rows = jnp.broadcast_to(raw[None], (len(x), len(raw)))
            return jnp.concatenate([x @ mean, rows], axis=1)

        return Network(lambda key, x: {"params": {}}, apply)

    def model(self):
        decoder = Network(
            lambda key, z: {"params": {}},
            lambda variables, z: z @ jnp.asarray(self.w.T, jnp.float32),
        )
        return LatentModel(
            conditional_normal(self.encode()),
            conditional_normal(decoder, scale=NOISE),
            standard_normal((self.w.shape[1],)),
        )


VARIABLES = {"params": {"posterior": {}, "likelihood": {}, "prior": {}}}
ORTHOGONAL = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 2)))[0] * [2.0, 1.0]
CORRELATED = np.array([[1.0, 0.6], [0.2, 0.9], [0.5, -0.4], [0.3, 0.8], [0.0, 0.5]])
KEY = jax.random.key(0)
