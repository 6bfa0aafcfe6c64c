"""From a bijector and a base to a density."""

from functools import wraps

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.base import Bijector, Density, LogProb
from genjax.checks import check_condition_is_read, check_is, check_scaled
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables
from genjax.variables import join_parts, part_of


def density(bijector: Bijector, base: Density) -> Density:
    """The density of data that a bijector maps to a base distribution.

        log p(x) = log p_base(f(x)) + log|det df/dx|
        x = f^-1(z),   z ~ p_base

    Examples are `[b, *event]`, log-densities `[b]`.

    Args:
        bijector: `forward` goes from data to noise.
        base: the distribution of the noise.

    Returns:
        A density with the parts `bijector` and `base`. A condition goes to both.
        Where x is not finite, or beyond 1e15, its log-density is -inf.

    Raises:
        InputError: at `init`, neither part reads the condition.

    Source: Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021,
    arXiv:1912.02762.

    >>> import jax
    >>> from genjax.densities import standard_normal
    >>> from genjax.flows import density, reverse
    >>> import jax.numpy as jnp
    >>> model = density(reverse(), standard_normal((2,)))
    >>> x = jnp.zeros((1, 2))
    >>> model.log_prob(model.init(jax.random.key(0), x), x).round(4).tolist()
    [-1.8379]
    """
    check_is("density", Bijector, bijector=bijector)
    check_is("density", Density, base=base)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        check_scaled("density", x)
        key_bijector, key_base = jax.random.split(key)
        own = bijector.init(key_bijector, x, condition)
        z, _ = bijector.forward(own, x, condition)
        of_base = base.init(key_base, z, condition)
        variables = join_parts({"bijector": own, "base": of_base})
        jax.eval_shape(base.log_prob, of_base, z, condition)
        check_condition_is_read(
            "density", lambda condition: log_prob(variables, x, condition), condition
        )
        return variables

    @_only_finite
    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        z, log_det = bijector.forward(part_of(variables, "bijector"), x, condition)
        return base.log_prob(part_of(variables, "base"), z, condition) + log_det

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        z, base_log_prob = base.sample(part_of(variables, "base"), key, n, condition)
        x, log_det = bijector.inverse(part_of(variables, "bijector"), z, condition)
        is_inside = jnp.isfinite(log_det)
        return x, jnp.where(is_inside, base_log_prob - log_det, -jnp.inf)

    return Density(init, log_prob, sample)


def _only_finite(log_prob: LogProb) -> LogProb:
    """Gives examples that are not finite the log-density -inf, and no gradient.

    Neither are those beyond 1e15, whose squares float32 cannot add up.

    Args:
        log_prob: `(variables, x, condition=None) -> [b]`.
    """

    @wraps(log_prob)
    def apply(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        x, axes = as_float(x), tuple(range(1, x.ndim))
        is_finite = jnp.abs(x) < 1e15
        value = log_prob(variables, jnp.where(is_finite, x, 0.0), condition)
        return jnp.where(is_finite.all(axis=axes), value, -jnp.inf)

    return apply
