"""A base whose samples a network accepts or rejects."""

import math

import jax
import jax.numpy as jnp

from genjax.base import Density, Network, NetworkLike
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables
from genjax.variables import join_parts, part_of


def resampled(
    proposal: Density, model: NetworkLike, *, key: Key, tries: int, points: int = 4096
) -> Density:
    """A proposal reshaped by learnt rejection sampling, of any topology.

        p(z) = q(z) (a(z) (1 - r) / Z + r),   a(z) = sigmoid(model(z)),
        Z = E_q a,   r = (1 - Z)^(T - 1)

    A sample is the first of `T - 1` proposals that is accepted, or else the last one.
    Holes and several components, which a flow from a normal can only approach, come
    out as they are. `Z` is the mean over fixed points, so that the log-density is a
    deterministic function; its relative error falls as `1 / sqrt(points)`.

    Args:
        proposal: q, without parameters of its own to learn: they are initialised once.
        model: a network from `[b, *event]` to one logit per example, `[b, 1]`.
        key: draws the points.
        tries: T.
        points: over how many Z is averaged.

    Returns:
        A density with the parts `network` and `proposal`.

    Raises:
        InputError: `tries` is below 2, there is no point, or the network's output has
            another shape.

    Source: Bauer and Mnih, 2019, arXiv:1810.11428; Stimper, Schölkopf and
    Hernández-Lobato, 2022, arXiv:2110.15828.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import resampled, standard_normal
    >>> accept = nn.MLP(features=1, hidden=(8,))
    >>> base = resampled(
    ...     standard_normal((2,)), accept, key=jax.random.key(0), tries=50, points=64
    ... )
    >>> variables = base.init(jax.random.key(1), jnp.ones((3, 2)))
    >>> z, log_prob = base.sample(variables, jax.random.key(2), 5)
    >>> z.shape, log_prob.shape
    ((5, 2), (5,))
    """
    check_is("resampled", Density, proposal=proposal)
    if tries < 2 or points < 1:
        raise InputError(
            "resampled: tries must be at least 2 and points at least 1, "
            f"got {tries} and {points}."
        )
    acceptance = as_pure_network(model, user="resampled")

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        key_network, key_proposal = jax.random.split(key)
        return join_parts(
            {
                "network": acceptance.init(key_network, x),
                "proposal": proposal.init(key_proposal, x),
            }
        )

    def log_ratio(variables: Variables, z: Event) -> PerExample:
        """The logarithm of what the proposal's density is multiplied by."""
        drawn, _ = proposal.sample(part_of(variables, "proposal"), key, points)
        log_accepted = jax.nn.log_sigmoid(_logits(acceptance, variables, drawn))
        log_share = jax.nn.logsumexp(log_accepted) - jnp.log(float(points))
        log_kept, log_rest = _truncated(log_share, tries)
        accepted = jax.nn.log_sigmoid(_logits(acceptance, variables, z)) + log_kept
        return jnp.logaddexp(accepted, log_rest)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del condition
        plain = proposal.log_prob(part_of(variables, "proposal"), x)
        return plain + log_ratio(variables, x)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        del condition

        def attempt(carry: tuple[Array, Array], key: Key) -> tuple:
            z, is_found = carry
            key_proposal, key_coin = jax.random.split(key)
            new, _ = proposal.sample(part_of(variables, "proposal"), key_proposal, n)
            coin = jnp.log(jax.random.uniform(key_coin, (n,), minval=1e-38))
            is_taken = coin < jax.nn.log_sigmoid(_logits(acceptance, variables, new))
            kept = is_found.reshape(n, *[1] * (z.ndim - 1))
            return (jnp.where(kept, z, new), is_found | is_taken), None

        z, _ = jax.eval_shape(
            lambda key: proposal.sample(part_of(variables, "proposal"), key, n), key
        )
        start = (jnp.zeros(z.shape, z.dtype), jnp.zeros(n, bool))
        (z, _), _ = jax.lax.scan(attempt, start, jax.random.split(key, tries))
        return z, log_prob(variables, z)

    return Density(init, log_prob, sample)


def _logits(acceptance: Network, variables: Variables, z: Array) -> PerExample:
    raw = acceptance.apply(part_of(variables, "network"), z)
    if raw.shape != (len(z), 1):
        raise InputError(
            "resampled: the network must return one logit per example, the shape "
            f"{(len(z), 1)}, got {raw.shape}."
        )
    return raw[:, 0]


def _truncated(log_share: Array, tries: int) -> tuple[Array, Array]:
    """The logarithms of `(1 - r) / Z` and of r, given that of Z."""
    # Where nearly nothing is accepted, (1 - r) / Z is close to T - 1.
    is_rare = log_share < math.log(1e-6 / tries)
    share = jnp.exp(jnp.where(is_rare, -1.0, log_share))
    log_rest = (tries - 1) * jnp.log1p(-jnp.minimum(share, 1 - 1e-6))
    log_kept = jnp.log(-jnp.expm1(log_rest)) - jnp.log(share)
    return (
        jnp.where(is_rare, math.log(tries - 1), log_kept),
        jnp.where(is_rare, 0.0, log_rest),
    )
