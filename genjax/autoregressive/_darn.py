"""Deep autoregressive networks with a few binary latents, summed out exactly."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Mask, PerExample, Variables
from genjax.variables import join_parts, part_of


def darn(prior: Density, decoder: Density, *, latent_dim: int) -> Density:
    """An autoregressive model over an autoregressive layer of binary latents.

        p(x) = sum_(h in {0, 1}^H) p(h) p(x | h)

    The sum runs over all `2^H` vectors, so that likelihoods and completions are exact,
    where the original, with many latents, has a bound.

    Args:
        prior: of the latents, over `[b, H]`: `fvsbn()`, `nade(hidden=...)`.
        decoder: of the data, conditioned on the latents.
        latent_dim: H, at most 12.

    Returns:
        A density over the events of the decoder, with the parts `prior` and
        `decoder`.

    Raises:
        InputError: `latent_dim` is not between 1 and 12, or a condition is given.

    Source: Gregor, Danihelka, Mnih, Blundell and Wierstra, 2014, arXiv:1310.8499.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import darn, fvsbn
    >>> model, x = darn(fvsbn(), fvsbn(), latent_dim=2), jnp.eye(3)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """
    if not 1 <= latent_dim <= 12:
        raise InputError(
            f"darn: latent_dim must be between 1 and 12, got {latent_dim}."
        )
    states = np.array(
        list(itertools.product([0.0, 1.0], repeat=latent_dim)), np.float32
    )

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        _no_condition(condition)
        key_prior, key_decoder, key_latent = jax.random.split(key, 3)
        coins = jax.random.bernoulli(key_latent, 0.5, (len(x), latent_dim))
        return join_parts(
            {
                "prior": prior.init(key_prior, jnp.asarray(states)),
                "decoder": decoder.init(key_decoder, x, coins.astype(jnp.float32)),
            }
        )

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        _no_condition(condition)
        return jax.nn.logsumexp(
            _log_joint(prior, decoder, states, variables, x), axis=0
        )

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        _no_condition(condition)
        key_latent, key_data = jax.random.split(key)
        h = prior.sample(part_of(variables, "prior"), key_latent, n)[0]
        x = decoder.sample(part_of(variables, "decoder"), key_data, n, h)[0]
        return x, log_prob(variables, x)

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, PerExample]:
        _no_condition(condition)
        key_state, key_data, key_seen = jax.random.split(key, 3)
        assert decoder.complete is not None
        every, own = jnp.asarray(states), part_of(variables, "decoder")
        log_prior = prior.log_prob(part_of(variables, "prior"), every)
        log_seen = _log_evidence(decoder, own, key_seen, x, observed)
        evidence = log_prior[:, None] + jax.lax.map(log_seen, every)
        chosen = jax.random.categorical(key_state, evidence, axis=0)
        completed, _ = decoder.complete(own, key_data, x, observed, every[chosen])
        seen = jax.nn.logsumexp(evidence, axis=0)
        return completed, log_prob(variables, completed) - seen

    is_complete = decoder.complete is not None
    return Density(init, log_prob, sample, complete if is_complete else None)


def _given(h: Array, n: int) -> Array:
    return jnp.broadcast_to(h[None], (n, *h.shape))


def _log_joint(
    prior: Density, decoder: Density, states: np.ndarray, variables: Variables, x: Event
) -> Array:
    """`log p(h) + log p(x | h)` of every state, `[2^H, b]`."""
    log_prior = prior.log_prob(part_of(variables, "prior"), jnp.asarray(states))

    own = part_of(variables, "decoder")

    def of_state(h: Array) -> PerExample:
        return decoder.log_prob(own, x, _given(h, len(x)))

    return log_prior[:, None] + jax.lax.map(of_state, jnp.asarray(states))


def _log_evidence(
    decoder: Density, variables: Variables, key: Key, x: Event, observed: Mask
) -> Callable[[Array], PerExample]:
    """Returns `h -> log p(observed x | h)`."""
    complete = decoder.complete
    assert complete is not None

    def log_seen(h: Array) -> PerExample:
        # Any completion tells the probability of what is observed.
        h = _given(h, len(x))
        drawn, term = complete(variables, key, x, observed, h)
        return decoder.log_prob(variables, drawn, h) - term

    return log_seen


def _no_condition(condition: Condition) -> None:
    if condition is not None:
        raise InputError("darn: the latents are its condition; it takes no other.")
