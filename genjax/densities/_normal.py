"""Normal distributions."""

import math

import jax
import jax.numpy as jnp

from genjax.arrays import as_float, sum_event
from genjax.base import Density, Moments
from genjax.checks import check_event, check_scaled, check_shape
from genjax.densities._bounded import no_variables
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables


def standard_normal(event_shape: tuple[int, ...]) -> Density:
    """The normal with mean 0 and variance 1 in every dimension.

        log p(x) = -1/2 sum_d (x_d^2 + log 2 pi)

    Args:
        event_shape: the shape of one example.

    Returns:
        A density without parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.densities import standard_normal
    >>> density = standard_normal((3,))
    >>> density.log_prob({}, jnp.zeros((1, 3))).round(4).tolist()
    [-2.7568]
    """
    check_shape("standard_normal", event_shape)
    noise = diagonal_normal(event_shape)
    zeros = jnp.zeros(event_shape)
    fixed = {"params": {"mean": zeros, "log_scale": zeros}}

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del variables
        return noise.log_prob(fixed, x, condition)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        del variables
        return noise.sample(fixed, key, n, condition)

    def moments(variables: Variables, /, condition: Condition = None) -> Moments:
        del variables, condition
        return Moments(zeros[None], zeros[None])

    return Density(no_variables, log_prob, sample, moments=moments)


def diagonal_normal(event_shape: tuple[int, ...]) -> Density:
    """The normal with a learnt mean and scale in every dimension.

        log p(x) = sum_d -1/2 ((x_d - mean_d) / scale_d)^2 - log scale_d - log(2 pi) / 2

    Args:
        event_shape: the shape of one example.

    Returns:
        A density with the parameters `mean` and `log_scale`, initialised at the moments
        of the first batch.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import diagonal_normal
    >>> density = diagonal_normal((1,))
    >>> variables = density.init(jax.random.key(0), jnp.array([[1.0], [3.0]]))
    >>> variables["params"]["mean"].tolist()
    [2.0]
    """
    check_shape("diagonal_normal", event_shape)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del key, condition
        check_scaled("diagonal_normal", x)
        x = as_float(x)
        scale = jnp.maximum(x.std(axis=0), 1e-3)
        return {"params": {"mean": x.mean(axis=0), "log_scale": jnp.log(scale)}}

    def moments(variables: Variables, /, condition: Condition = None) -> Moments:
        del condition
        params = variables["params"]
        return Moments(params["mean"][None], params["log_scale"][None])

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        check_event("normal", event_shape, x)
        mean, log_scale = moments(variables, condition)
        return normal_log_prob((x - mean) * jnp.exp(-log_scale), log_scale)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        mean, log_scale = moments(variables, condition)
        noise = jax.random.normal(key, (n, *event_shape))
        return mean + jnp.exp(log_scale) * noise, normal_log_prob(noise, log_scale)

    return Density(init, log_prob, sample, moments=moments)


def normal_log_prob(noise: Array, log_scale: Array) -> PerExample:
    """Returns the log-density of `mean + exp(log_scale) noise`, in nats.

    Args:
        noise: standardised examples `[b, *event]`.
        log_scale: `[b, *event]` or `[1, *event]`.

    >>> import jax.numpy as jnp
    >>> from genjax.densities._normal import normal_log_prob
    >>> normal_log_prob(jnp.zeros((1, 1)), jnp.zeros((1, 1))).round(4).tolist()
    [-0.9189]
    """
    return -sum_event(0.5 * noise**2 + log_scale + 0.5 * math.log(2 * math.pi))


def standard_log_density(z: Array) -> Array:
    """The log-density of each standardised number, with finite gradients of outliers.

    Beyond 1e18 it stays as it is: the square would overflow, and no component of a
    mixture have a gradient.

    Args:
        z: of any shape.

    >>> import jax.numpy as jnp
    >>> from genjax.densities._normal import standard_log_density
    >>> float(standard_log_density(jnp.zeros(())).round(4))
    -0.9189
    """
    return -0.5 * (jnp.clip(z, -1e18, 1e18) ** 2 + math.log(2 * math.pi))


def kl_divergence(first: Moments, second: Moments) -> PerExample:
    """Returns the divergence of one diagonal normal from another, in nats.

        KL = sum_d 1/2 (e^(2 r) - 1 - 2 r + ((m_1 - m_2) / s_2)^2),   r = log s_1 / s_2

    Args:
        first: the moments `m_1`, `log s_1`, as a density's `moments` gives them.
        second: the moments `m_2`, `log s_2`.

    Source: Kullback and Leibler, 1951.

    >>> import jax.numpy as jnp
    >>> from genjax.base import Moments
    >>> from genjax.densities import kl_divergence
    >>> one = Moments(jnp.ones((1, 2)), jnp.zeros((1, 2)))
    >>> kl_divergence(one, Moments(jnp.zeros((1, 2)), jnp.zeros((1, 2)))).tolist()
    [1.0]
    """
    ratio = first.log_scale - second.log_scale
    offset = (first.mean - second.mean) * jnp.exp(-second.log_scale)
    return 0.5 * sum_event(_exp_beyond_linear(2 * ratio) + offset**2)


def _exp_beyond_linear(t: Array) -> Array:
    """`e^t - 1 - t`, never negative and to the last digit near 0 too."""
    is_small = jnp.abs(t) < 0.5
    s = jnp.where(is_small, t, 0)
    series = jnp.ones_like(s)
    for i in range(10, 2, -1):
        series = 1 + s / i * series
    return jnp.where(is_small, s**2 / 2 * series, jnp.expm1(t) - t)
