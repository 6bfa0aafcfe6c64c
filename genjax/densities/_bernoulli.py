"""The factorised Bernoulli: the baseline that every binary model must beat."""

import jax
import jax.numpy as jnp

from genjax.arrays import as_float, sum_event
from genjax.base import Density
from genjax.checks import check_event
from genjax.typing import Array, Condition, Event, Key, Mask, PerExample, Variables


def bernoulli_log_prob(logits: Array, x: Array) -> Array:
    """Returns `log p(x)` of binary `x` under `logits`, element by element, in nats.

        log p(x) = x * logit - softplus(logit)

    Exact in both tails: no probability is ever formed.

    >>> import jax.numpy as jnp
    >>> from genjax.densities._bernoulli import bernoulli_log_prob
    >>> bernoulli_log_prob(jnp.array(0.0), jnp.array(1.0)).round(4).item()
    -0.6931
    """
    return x * logits - jax.nn.softplus(logits)


def smoothed_logits(x: Array, *, axis: int = 0) -> Array:
    """Returns the logits of the frequencies of ones, with one pseudo-count each.

    >>> import jax.numpy as jnp
    >>> from genjax.densities._bernoulli import smoothed_logits
    >>> smoothed_logits(jnp.ones((1, 1))).round(4).tolist()
    [0.6931]
    """
    x = as_float(x)
    ones = jnp.sum(x, axis=axis) + 1
    zeros = jnp.sum(1 - x, axis=axis) + 1
    return jnp.log(ones) - jnp.log(zeros)


def bernoulli() -> Density:
    """Independent Bernoulli dimensions.

        log p(x) = sum_d x_d logit_d - softplus(logit_d)

    Returns:
        A density over `x` in {0, 1}, `[b, *event]`, with the parameter `logits`,
        initialised at the smoothed frequencies of the batch: given the whole training
        set, `init` *is* the maximum-likelihood fit (with Laplace's smoothing).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import bernoulli
    >>> density = bernoulli()
    >>> variables = density.init(jax.random.key(0), jnp.array([[0.0, 1.0], [1.0, 1.0]]))
    >>> density.log_prob(variables, jnp.array([[1.0, 1.0]])).round(4).tolist()
    [-0.9808]
    """

    def logits_of(variables: Variables) -> Array:
        return variables["params"]["logits"]

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del key, condition
        return {"params": {"logits": smoothed_logits(x)}}

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del condition
        logits = logits_of(variables)
        check_event("bernoulli", logits.shape, x)
        return sum_event(bernoulli_log_prob(logits[None], x))

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        del condition
        logits = logits_of(variables)
        logits = jnp.broadcast_to(logits, (n, *logits.shape))
        x = jax.random.bernoulli(key, jax.nn.sigmoid(logits)).astype(logits.dtype)
        return x, sum_event(bernoulli_log_prob(logits, x))

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, Array]:
        del condition
        draws, _ = sample(variables, key, x.shape[0])
        terms = bernoulli_log_prob(logits_of(variables)[None], draws)
        return (
            jnp.where(observed[None], x, draws),
            sum_event(jnp.where(observed[None], 0.0, terms)),
        )

    return Density(init, log_prob, sample, complete)
