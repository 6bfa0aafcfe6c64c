"""Lower bounds of the log-likelihood of a latent-variable model, and its estimate."""

import math
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from genjax.base import BatchInit, Objective
from genjax.checks import read_batch
from genjax.densities import kl_divergence
from genjax.errors import InputError
from genjax.typing import (
    Array,
    Batch,
    Event,
    Float,
    Key,
    Latent,
    Outcome,
    Output,
    PerExample,
    Variables,
)
from genjax.vae._model import LatentModel, check_parts, decode, encode, init
from genjax.variables import part_of, updated


@runtime_checkable
class Divergence(Protocol):
    """`KL(q(z | x) || p(z))` of each example, from a sample of the posterior."""

    def __call__(
        self,
        model: LatentModel,
        variables: Variables,
        x: Event,
        z: Latent,
        log_q: PerExample,
        /,
    ) -> PerExample:
        """Returns the divergences `[b]`, in nats."""
        ...


def sampled_kl(
    model: LatentModel, variables: Variables, x: Event, z: Latent, log_q: PerExample, /
) -> PerExample:
    """Estimates the divergence of the posterior by one sample, for any densities.

        KL = E_q log q(z | x) - log p(z)

    Args:
        model: posterior, likelihood and prior.
        variables: of its parts.
        x: what the posterior is conditioned on: `encode(model, variables, x)`.
        z: a sample of the posterior of each.
        log_q: its log-density.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, sampled_kl
    >>> from genjax.densities import standard_normal
    >>> model = LatentModel(*[standard_normal((1,))] * 3)
    >>> z = jnp.ones((2, 1))
    >>> sampled_kl(model, {}, z, z, jnp.zeros(2)).round(4).tolist()
    [1.4189, 1.4189]
    """
    del x
    return log_q - model.prior.log_prob(part_of(variables, "prior"), z)


def closed_form_kl(
    model: LatentModel, variables: Variables, x: Event, z: Latent, log_q: PerExample, /
) -> PerExample:
    """The exact divergence, where posterior and prior are diagonal normals.

        KL = sum_d 1/2 (e^(2 r) - 1 - 2 r + ((m - m_p) / s_p)^2),   r = log s / s_p

    Args:
        model: posterior, likelihood and prior.
        variables: of its parts.
        x: what the posterior is conditioned on: `encode(model, variables, x)`.
        z: not used.
        log_q: of which only the shape is used.

    Raises:
        InputError: posterior or prior is no diagonal normal.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, closed_form_kl
    >>> from genjax.densities import standard_normal
    >>> model = LatentModel(*[standard_normal((1,))] * 3)
    >>> z = jnp.ones((2, 1))
    >>> closed_form_kl(model, {}, z, z, jnp.zeros(2)).tolist()
    [0.0, 0.0]
    """
    del z
    of_posterior, of_prior = model.posterior.moments, model.prior.moments
    if of_posterior is None or of_prior is None:
        which = "posterior" if of_posterior is None else "prior"
        raise InputError(
            "closed_form_kl: posterior and prior must be normals with diagonal "
            "covariance (conditional_normal, diagonal_normal, standard_normal), which "
            f"this {which} is not; use sampled_kl."
        )
    first = of_posterior(part_of(variables, "posterior"), x)
    second = of_prior(part_of(variables, "prior"))
    if first.mean.shape[1:] != second.mean.shape[1:]:
        raise InputError(
            "closed_form_kl: posterior and prior must have one shape, got "
            f"{first.mean.shape[1:]} and {second.mean.shape[1:]}."
        )
    # Moments that depend on no example stand once for the whole batch.
    return jnp.broadcast_to(kl_divergence(first, second), log_q.shape)


def elbo(
    model: LatentModel,
    *,
    latent_dim: int,
    kl: Divergence = sampled_kl,
    beta: float = 1.0,
) -> Objective:
    """The evidence lower bound, with one reparametrised sample per example.

        log p(x) >= E_q log p(x | z) - beta KL(q(z | x) || p(z))

    The divergence is estimated at the same sample, which holds for any posterior and
    any prior; `closed_form_kl` is exact for normals.

    Args:
        model: posterior, likelihood and prior, and networks before them, where
            batch normalisation and dropout have their place.
        latent_dim: the dimensions of z.
        kl: `sampled_kl` or `closed_form_kl`.
        beta: the weight of the divergence; 1 for the bound.

    Returns:
        An objective over batches `{"x": [b, *event]}`. Its metrics are `loss`,
        `reconstruction` and `kl`, in nats per example.

    Source: Kingma and Welling, 2014, arXiv:1312.6114; Higgins et al., 2017 (beta).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, elbo
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model = LatentModel(normal, normal, standard_normal((2,)))
    >>> objective = elbo(model, latent_dim=2)
    >>> batch = {"x": jnp.ones((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> sorted(objective.loss(variables, batch, jax.random.key(1))[1][1])
    ['kl', 'loss', 'reconstruction']
    """
    check_parts("elbo", model)

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        (x,) = read_batch("elbo", batch, ("x",))
        key_encoder, key_decoder = _keys_of_networks(key)
        features, changed = encode(model, variables, x, key=key_encoder)
        of_posterior = part_of(variables, "posterior")
        z, log_q = model.posterior.sample(of_posterior, key, len(x), features)
        given, of_decoder = decode(model, variables, z, key=key_decoder)
        log_p = model.likelihood.log_prob(part_of(variables, "likelihood"), x, given)
        divergence = jnp.mean(kl(model, variables, features, z, log_q))
        reconstruction = -jnp.mean(log_p)
        value = reconstruction + beta * divergence
        metrics = {"loss": value, "reconstruction": reconstruction, "kl": divergence}
        return value, (updated(changed, of_decoder), metrics)

    return Objective(_init(model, latent_dim, "elbo"), loss)


def iwae(model: LatentModel, *, latent_dim: int, samples: int) -> Objective:
    """The importance-weighted bound, tighter with every sample.

        log p(x) >= E log 1/k sum_i w_i,   w_i = p(x | z_i) p(z_i) / q(z_i | x)

    Args:
        model: posterior, likelihood and prior.
        latent_dim: the dimensions of z.
        samples: how many samples k; with one it is the ELBO.

    Returns:
        An objective over batches `{"x": [b, *event]}`, whose metric is `loss`.

    Raises:
        InputError: `samples` is not positive.

    Source: Burda, Grosse and Salakhutdinov, 2016, arXiv:1509.00519.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, iwae
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model = LatentModel(normal, normal, standard_normal((2,)))
    >>> objective, batch = iwae(model, latent_dim=2, samples=5), {"x": jnp.ones((3, 2))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    check_parts("iwae", model)
    if samples < 1:
        raise InputError(f"iwae: samples must be at least 1, got {samples}.")

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        (x,) = read_batch("iwae", batch, ("x",))
        key_encoder, key_decoder = _keys_of_networks(key)
        features, changed = encode(model, variables, x, key=key_encoder)
        weights, of_decoder = _weights(
            model, variables, key, x, features, samples=samples, key_decoder=key_decoder
        )
        value = -jnp.mean(_log_mean_exp(weights))
        return value, (updated(changed, of_decoder), {"loss": value})

    return Objective(_init(model, latent_dim, "iwae"), loss)


def log_weights(
    model: LatentModel, variables: Variables, key: Key, x: Event, *, samples: int
) -> Float[Array, "k b"]:
    """Returns `log p(x | z) + log p(z) - log q(z | x)` of samples from the posterior.

    Under the exact posterior each of them is `log p(x)`.

    Args:
        model: posterior, likelihood and prior.
        variables: of its parts.
        key: of the samples.
        x: the examples.
        samples: how many per example.

    Source: Burda, Grosse and Salakhutdinov, 2016, arXiv:1509.00519.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, init, log_weights
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model, x = LatentModel(normal, normal, standard_normal((2,))), jnp.ones((3, 2))
    >>> variables = init(model, jax.random.key(0), x, latent_dim=2)
    >>> log_weights(model, variables, jax.random.key(1), x, samples=5).shape
    (5, 3)
    """
    features, _ = encode(model, variables, x)
    return _weights(model, variables, key, x, features, samples=samples)[0]


def _weights(
    model: LatentModel,
    variables: Variables,
    key: Key,
    x: Event,
    features: Output,
    *,
    samples: int,
    key_decoder: Key | None = None,
) -> tuple[Float[Array, "k b"], Variables]:
    """The log-weights, and what a training pass of the decoder has changed."""

    def draw(key: Key) -> tuple[Latent, PerExample, PerExample]:
        own = part_of(variables, "posterior")
        z, log_q = model.posterior.sample(own, key, len(x), features)
        return z, log_q, model.prior.log_prob(part_of(variables, "prior"), z)

    z, log_q, log_prior = jax.vmap(draw)(jax.random.split(key, samples))
    # All samples are one batch for the decoder, whose statistics are of all of them.
    rows = z.reshape(-1, *z.shape[2:])
    given, changed = decode(model, variables, rows, key=key_decoder)
    given = jax.tree.map(
        lambda leaf: leaf.reshape(*log_q.shape, *leaf.shape[1:]), given
    )
    own = part_of(variables, "likelihood")
    log_p = jax.vmap(lambda given: model.likelihood.log_prob(own, x, given))(given)
    return log_p + log_prior - log_q, changed


def log_likelihood(
    model: LatentModel,
    variables: Variables,
    key: Key,
    x: Event,
    *,
    samples: int,
    block: int = 50,
) -> PerExample:
    """Estimates `log p(x)` by importance sampling, from below, in blocks of samples.

    Args:
        model: posterior, likelihood and prior.
        variables: of its parts.
        key: of the samples.
        x: the examples.
        samples: how many per example: a multiple of `block`.
        block: samples at a time.

    Raises:
        InputError: `block` does not divide `samples`.

    Source: Burda, Grosse and Salakhutdinov, 2016, arXiv:1509.00519.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, init, log_likelihood
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model, x = LatentModel(normal, normal, standard_normal((2,))), jnp.ones((3, 2))
    >>> variables = init(model, jax.random.key(0), x, latent_dim=2)
    >>> log_likelihood(model, variables, jax.random.key(1), x, samples=50).shape
    (3,)
    """
    if block < 1 or samples < 1 or samples % block:
        raise InputError(
            f"log_likelihood: block = {block} must divide samples = {samples}."
        )

    def part(key: Key) -> Array:
        return _log_mean_exp(log_weights(model, variables, key, x, samples=block))

    return _log_mean_exp(jax.lax.map(part, jax.random.split(key, samples // block)))


def _keys_of_networks(key: Key) -> tuple[Key, Key]:
    """Of the training passes of encoder and decoder, beside that of the sample."""
    return jax.random.fold_in(key, 1), jax.random.fold_in(key, 2)


def _init(model: LatentModel, latent_dim: int, user: str) -> BatchInit:
    def init_on_batch(key: Key, batch: Batch, /) -> Variables:
        (x,) = read_batch(user, batch, ("x",))
        return init(model, key, x, latent_dim=latent_dim)

    return init_on_batch


def _log_mean_exp(weights: Array) -> Array:
    return jax.nn.logsumexp(weights, axis=0) - math.log(len(weights))
