"""Lower bounds of the log-likelihood of a latent-variable model, and its estimate."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Network, Objective
from genjax.densities import gaussian_moments
from genjax.errors import InputError
from genjax.typing import (
    Array,
    Batch,
    Event,
    Float,
    Key,
    Params,
    PerExample,
    Variables,
)
from genjax.vae.model import LatentModel, init_params

DivergenceFn = Callable[[Params, Event], PerExample]
"""`(parameters of the posterior, x) -> KL(q(z | x) || p(z)) [b]`."""


def elbo(
    model: LatentModel,
    *,
    latent: int,
    kl: DivergenceFn | None = None,
    beta: float = 1.0,
) -> Objective:
    """The evidence lower bound, with one reparametrised sample an example.

        log p(x) >= E_q log p(x | z) - beta KL(q(z | x) || p(z))

    The divergence is exact where a function for it is given; otherwise it is estimated
    by `log q(z | x) - log p(z)` at the same sample, which holds for any posterior and
    any prior.

    Args:
        model: posterior, likelihood and prior.
        latent: the dimensions of z.
        kl: the divergence in closed form, such as `gaussian_kl(encoder)`.
        beta: the weight of the divergence; 1 for the bound.

    Returns:
        An objective over batches `{"x": [b, *event]}`. Its metrics are `loss`,
        `reconstruction` and `kl`, in nats an example.

    Source: Kingma and Welling, 2014, arXiv:1312.6114; Higgins et al., 2017 (beta).

    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> objective = elbo(LatentModel(normal, normal, standard_normal((2,))), latent=2)
    >>> batch = {"x": jnp.ones((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> sorted(objective.loss(variables, batch, jax.random.key(1))[1][1])
    ['kl', 'loss', 'reconstruction']
    """

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        params, x = variables["params"], batch["x"]
        z, log_q = model.posterior.sample(params["posterior"], key, len(x), x)
        log_p = model.likelihood.log_prob(params["likelihood"], x, z)
        if kl is None:
            divergence = log_q - model.prior.log_prob(params["prior"], z)
        else:
            divergence = kl(params["posterior"], x)
        reconstruction, divergence = -jnp.mean(log_p), jnp.mean(divergence)
        value = reconstruction + beta * divergence
        metrics = {"loss": value, "reconstruction": reconstruction, "kl": divergence}
        return value, ({}, metrics)

    return Objective(_init(model, latent), loss)


def iwae(model: LatentModel, *, latent: int, samples: int) -> Objective:
    """The importance-weighted bound, tighter with every sample.

        log p(x) >= E log 1/k sum_i w_i,   w_i = p(x | z_i) p(z_i) / q(z_i | x)

    Args:
        model: posterior, likelihood and prior.
        latent: the dimensions of z.
        samples: how many samples k; with one it is the ELBO.

    Returns:
        An objective over batches `{"x": [b, *event]}`, whose metric is `loss`.

    Raises:
        InputError: `samples` is not positive.

    Source: Burda, Grosse and Salakhutdinov, 2016, arXiv:1509.00519.
    """
    if samples < 1:
        raise InputError(f"iwae: samples must be at least 1, got {samples}.")

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        weights = log_weights(model, variables["params"], key, batch["x"], samples)
        value = -jnp.mean(_log_mean_exp(weights))
        return value, ({}, {"loss": value})

    return Objective(_init(model, latent), loss)


def log_weights(
    model: LatentModel, params: Params, key: Key, x: Event, samples: int
) -> Float[Array, "k b"]:
    """Returns `log p(x | z) + log p(z) - log q(z | x)` of samples from the posterior.

    Under the exact posterior each of them is `log p(x)`.

    Args:
        model: posterior, likelihood and prior.
        params: their parameters.
        key: of the samples.
        x: the examples.
        samples: how many an example.
    """

    def one(key: Key) -> Array:
        z, log_q = model.posterior.sample(params["posterior"], key, len(x), x)
        log_p = model.likelihood.log_prob(params["likelihood"], x, z)
        return log_p + model.prior.log_prob(params["prior"], z) - log_q

    return jax.vmap(one)(jax.random.split(key, samples))


def log_likelihood(
    model: LatentModel,
    params: Params,
    key: Key,
    x: Event,
    *,
    samples: int,
    chunk: int = 50,
) -> PerExample:
    """Estimates `log p(x)` by importance sampling, from below, in chunks of samples.

    Args:
        model: posterior, likelihood and prior.
        params: their parameters.
        key: of the samples.
        x: the examples.
        samples: how many an example: a multiple of `chunk`.
        chunk: samples at a time.

    Raises:
        InputError: `chunk` does not divide `samples`.
    """
    if chunk < 1 or samples < 1 or samples % chunk:
        raise InputError(
            f"log_likelihood: chunk = {chunk} must divide samples = {samples}."
        )

    def part(key: Key) -> Array:
        return _log_mean_exp(log_weights(model, params, key, x, chunk))

    return _log_mean_exp(jax.lax.map(part, jax.random.split(key, samples // chunk)))


def gaussian_kl(encoder: Network, *, max_log_scale: float = 7.0) -> DivergenceFn:
    """The exact KL of a diagonal Gaussian posterior against the standard normal.

        KL = 1/2 sum_d (mean_d^2 + scale_d^2 - 1 - 2 log scale_d)

    Args:
        encoder: the network of the posterior `conditional_normal(encoder)`.
        max_log_scale: that of the posterior.

    >>> from genjax.base import Functions
    >>> zeros = Functions(lambda key, x: {"params": {}}, lambda v, x: jnp.zeros((1, 4)))
    >>> gaussian_kl(zeros)({}, jnp.ones((1, 3))).tolist()
    [0.0]
    """
    moments = gaussian_moments(encoder, max_log_scale=max_log_scale)

    def kl(params: Params, x: Event) -> PerExample:
        mean, log_scale = moments(params, x)
        terms = mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale
        return 0.5 * jnp.sum(terms, axis=1)

    return kl


def _init(model: LatentModel, latent: int) -> Any:
    def init(key: Key, batch: Batch) -> Variables:
        return {"params": init_params(model, key, batch["x"], latent)}

    return init


def _log_mean_exp(weights: Array) -> Array:
    return jax.nn.logsumexp(weights, axis=0) - math.log(len(weights))
