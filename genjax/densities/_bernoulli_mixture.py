"""Mixtures of factorised Bernoullis, fitted by expectation maximisation."""

import jax
import jax.numpy as jnp

from genjax.arrays import matmul
from genjax.base import Density
from genjax.checks import check_event
from genjax.densities._bernoulli import smoothed_logits
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample, Variables


def bernoulli_mixture(*, components: int) -> Density:
    """A mixture of `components` factorised Bernoullis.

        log p(x) = logsumexp_k (log pi_k + sum_d log p(x_d | logit_kd))

    Args:
        components: how many mixture components.

    Returns:
        A density over `x` in {0, 1}, `[b, d]`, with the parameters `weights`
        (log-scale, unnormalised, `[k]`) and `logits` `[k, d]`.

    Raises:
        InputError: `components` is not positive.

    Source: Dempster, Laird and Rubin, 1977.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import bernoulli_mixture
    >>> density = bernoulli_mixture(components=4)
    >>> x = jnp.eye(3)
    >>> density.log_prob(density.init(jax.random.key(0), x), x).shape
    (3,)
    """
    if components < 1:
        raise InputError(
            f"bernoulli_mixture: components must be at least 1, got {components}."
        )

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        noise = jax.random.normal(key, (components, x.shape[1]))
        logits = smoothed_logits(x)[None] + 0.5 * noise
        return {"params": {"weights": jnp.zeros(components), "logits": logits}}

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del condition
        params = variables["params"]
        check_event("bernoulli_mixture", params["logits"].shape[1:], x)
        return jax.nn.logsumexp(_joint(params, x), axis=1)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        del condition
        key_component, key_x = jax.random.split(key)
        params = variables["params"]
        component = jax.random.categorical(key_component, params["weights"], shape=(n,))
        p = jax.nn.sigmoid(params["logits"][component])
        x = jax.random.bernoulli(key_x, p).astype(p.dtype)
        return x, log_prob(variables, x)

    return Density(init, log_prob, sample)


def fit_bernoulli_mixture(
    key: Key, x: Event, *, components: int, rounds: int = 100, smoothing: float = 1e-1
) -> Variables:
    """Fits a mixture by expectation maximisation, one `lax.scan` over the rounds.

    Args:
        key: for the initial components.
        x: binary data `[n, d]`.
        components: how many mixture components.
        rounds: rounds of expectation and maximisation.
        smoothing: pseudo-counts of ones and of zeros in every component and dimension.

    Returns:
        Variables of `bernoulli_mixture(components=components)`.

    Source: Dempster, Laird and Rubin, 1977.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import bernoulli_mixture, fit_bernoulli_mixture
    >>> x = jnp.repeat(jnp.eye(2), 8, axis=0)
    >>> variables = fit_bernoulli_mixture(jax.random.key(0), x, components=2)
    >>> density = bernoulli_mixture(components=2)
    >>> float(density.log_prob(variables, x).mean()) > -0.8
    True
    """

    def improve(params: Params, _: None) -> tuple[Params, None]:
        share = jax.nn.softmax(_joint(params, x), axis=1)
        counts = share.sum(axis=0)
        ones = matmul(share.T, x) + smoothing
        zeros = matmul(share.T, 1 - x) + smoothing
        weights = jnp.log(counts + smoothing)
        return {"weights": weights, "logits": jnp.log(ones) - jnp.log(zeros)}, None

    start = bernoulli_mixture(components=components).init(key, x)
    fitted, _ = jax.lax.scan(improve, start["params"], length=rounds)
    return {"params": fitted}


def _joint(params: Params, x: Array) -> Array:
    # sum_d of x_d logit_kd - softplus(logit_kd), as one matrix product
    constant = jax.nn.log_softmax(params["weights"])
    constant = constant - jax.nn.softplus(params["logits"]).sum(axis=1)
    return matmul(x, params["logits"].T) + constant[None]
