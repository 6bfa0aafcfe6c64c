"""From a bijector and a base to a density."""

from collections.abc import Callable
from functools import wraps

import jax
import jax.numpy as jnp

from genjax.base import Bijector, Density
from genjax.typing import Array, Condition, Event, Key, Params, PerExample


def density(bijector: Bijector, base: Density) -> Density:
    """The density of data that a bijector maps to a base distribution.

        log p(x) = log p_base(f(x)) + log|det df/dx|
        x = f^-1(z),   z ~ p_base

    Args:
        bijector: `forward` goes from data to noise.
        base: the distribution of the noise.

    Returns:
        A density with the parameters `bijector` and `base`. A condition goes to both.
        Where x is not finite, or beyond 1e15, its log-density is -inf.

    >>> from genjax.densities import standard_normal
    >>> from genjax.flows import reverse
    >>> import jax.numpy as jnp
    >>> model = density(reverse(), standard_normal((2,)))
    >>> x = jnp.zeros((1, 2))
    >>> model.log_prob(model.init(jax.random.key(0), x), x).round(4).tolist()
    [-1.8379]
    """

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        key_bijector, key_base = jax.random.split(key)
        params = bijector.init(key_bijector, x, condition)
        z, _ = bijector.forward(params, x, condition)
        return {"bijector": params, "base": base.init(key_base, z, condition)}

    @_only_finite
    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        z, log_det = bijector.forward(params["bijector"], x, condition)
        return base.log_prob(params["base"], z, condition) + log_det

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        z, base_log_prob = base.sample(params["base"], key, n, condition)
        x, log_det = bijector.inverse(params["bijector"], z, condition)
        is_inside = jnp.isfinite(log_det)
        return x, jnp.where(is_inside, base_log_prob - log_det, -jnp.inf)

    return Density(init, log_prob, sample)


def _only_finite(log_prob: Callable[..., PerExample]) -> Callable[..., PerExample]:
    """Gives examples that are not finite the log-density -inf, and no gradient.

    Neither are those beyond 1e15, whose squares float32 cannot add up.

    Args:
        log_prob: `(params, x, condition=None) -> [b]`.
    """

    @wraps(log_prob)
    def apply(params: Params, x: Event, condition: Condition = None) -> PerExample:
        axes = tuple(range(1, x.ndim))
        is_finite = jnp.abs(x) < 1e15
        value = log_prob(params, jnp.where(is_finite, x, 0.0), condition)
        return jnp.where(is_finite.all(axis=axes), value, -jnp.inf)

    return apply
