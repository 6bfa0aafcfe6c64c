"""Deep autoregressive networks with a few binary latents, summed out exactly."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample


def darn(prior: Density, decoder: Density, *, latent: int) -> Density:
    """An autoregressive model over an autoregressive layer of binary latents.

        p(x) = sum_(h in {0, 1}^H) p(h) p(x | h)

    The sum runs over all `2^H` vectors, so that likelihoods and completions are exact,
    where the original, with many latents, has a bound.

    Args:
        prior: of the latents, over `[b, H]`: `fvsbn()`, `nade(hidden=...)`.
        decoder: of the data, conditioned on the latents.
        latent: H, at most 12.

    Returns:
        A density over the events of the decoder, with the parameters `prior` and
        `decoder`.

    Raises:
        InputError: `latent` is not between 1 and 12, or a condition is given.

    Source: Gregor, Danihelka, Mnih, Blundell and Wierstra, 2014, arXiv:1310.8499.

    >>> from genjax.autoregressive import fvsbn
    >>> model, x = darn(fvsbn(), fvsbn(), latent=2), jnp.eye(3)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """
    if not 1 <= latent <= 12:
        raise InputError(f"darn: latent must be between 1 and 12, got {latent}.")
    states = np.array(list(itertools.product([0.0, 1.0], repeat=latent)), np.float32)

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        _no_condition(condition)
        key_prior, key_decoder, key_latent = jax.random.split(key, 3)
        coins = jax.random.bernoulli(key_latent, 0.5, (len(x), latent))
        return {
            "prior": prior.init(key_prior, jnp.asarray(states)),
            "decoder": decoder.init(key_decoder, x, coins.astype(jnp.float32)),
        }

    def given(h: Array, n: int) -> Array:
        return jnp.broadcast_to(h[None], (n, latent))

    def joint(params: Params, x: Event) -> Array:
        """`log p(h) + log p(x | h)` of every state, `[2^H, b]`."""
        log_prior = prior.log_prob(params["prior"], jnp.asarray(states))

        def of_state(h: Array) -> PerExample:
            return decoder.log_prob(params["decoder"], x, given(h, len(x)))

        return log_prior[:, None] + jax.lax.map(of_state, jnp.asarray(states))

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        _no_condition(condition)
        return jax.nn.logsumexp(joint(params, x), axis=0)

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        _no_condition(condition)
        key_latent, key_data = jax.random.split(key)
        h = prior.sample(params["prior"], key_latent, n)[0]
        x = decoder.sample(params["decoder"], key_data, n, h)[0]
        return x, log_prob(params, x)

    def complete(
        params: Params, key: Key, x: Event, observed: Any, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        _no_condition(condition)
        key_state, key_data, key_seen = jax.random.split(key, 3)
        every, mine = jnp.asarray(states), params["decoder"]
        log_prior = prior.log_prob(params["prior"], every)

        def of_state(h: Array) -> Array:
            # Any completion tells the probability of what is observed.
            h = given(h, len(x))
            drawn, term = decoder.complete(mine, key_seen, x, observed, h)
            return decoder.log_prob(mine, drawn, h) - term

        evidence = log_prior[:, None] + jax.lax.map(of_state, every)
        chosen = jax.random.categorical(key_state, evidence, axis=0)
        completed, _ = decoder.complete(mine, key_data, x, observed, every[chosen])
        seen = jax.nn.logsumexp(evidence, axis=0)
        return completed, log_prob(params, completed) - seen

    return Density(init, log_prob, sample, complete)


def _no_condition(condition: Condition) -> None:
    if condition is not None:
        raise InputError("darn: the latents are its condition; it takes no other.")
