"""Bases drawn at a lower temperature."""

import math

from genjax.base import Density, Moments
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables


def tempered(base: Density, *, temperature: float) -> Density:
    """A base whose samples are drawn in towards 0, for cleaner samples of a flow.

        z = T e,   e ~ base,   log p(z) = log p_base(z / T) - d log T

    For a normal that is `p_base^(1 / T^2)`, normalised. The variables stay those of
    the base, so that a trained flow takes it as it is:
    `density(bijector, tempered(base, temperature=0.7))`.

    Shapes are those of the base: examples `[b, *event]`, log-densities `[b]`.

    Args:
        base: centred at 0: a standard normal or a logistic.
        temperature: T; 1 changes nothing.

    Raises:
        InputError: `temperature` is not positive.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax.numpy as jnp
    >>> from genjax.densities import standard_normal, tempered
    >>> cool = tempered(standard_normal((1,)), temperature=0.5)
    >>> cool.log_prob({}, jnp.zeros((1, 1))).round(4).tolist()
    [-0.2258]
    """
    check_is("tempered", Density, base=base)
    if not temperature > 0:
        raise InputError(f"tempered: temperature must be positive, got {temperature}.")

    def log_volume(x: Array) -> float:
        return math.prod(x.shape[1:]) * math.log(temperature)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        return base.log_prob(variables, x / temperature, condition) - log_volume(x)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        x, log_prob = base.sample(variables, key, n, condition)
        return temperature * x, log_prob - log_volume(x)

    def moments(variables: Variables, /, condition: Condition = None) -> Moments:
        assert base.moments is not None
        mean, log_scale = base.moments(variables, condition)
        return Moments(temperature * mean, log_scale + math.log(temperature))

    is_normal = base.moments is not None
    return Density(base.init, log_prob, sample, moments=moments if is_normal else None)
