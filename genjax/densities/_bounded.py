"""Base distributions that are not normal: uniform, logistic, and classes."""

import math

import jax
import jax.numpy as jnp

from genjax.arrays import sum_event
from genjax.base import Density
from genjax.checks import check_event, check_shape
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables


def uniform(
    event_shape: tuple[int, ...], *, low: float = 0.0, high: float = 1.0
) -> Density:
    """The uniform distribution on a cube.

        log p(x) = -d log(high - low) inside, -inf outside

    Args:
        event_shape: the shape of one example.
        low: the lower end of every dimension.
        high: the upper end.

    Returns:
        A density without parameters.

    Raises:
        InputError: `low` is not below `high`.

    >>> import jax.numpy as jnp
    >>> from genjax.densities import uniform
    >>> density = uniform((2,), high=2.0)
    >>> density.log_prob({}, jnp.array([[1.0, 1.0], [1.0, 3.0]])).round(4).tolist()
    [-1.3863, -inf]
    """
    check_shape("uniform", event_shape)
    if low >= high:
        raise InputError(f"uniform: low must be below high, got {low} and {high}.")
    level = -math.prod(event_shape) * math.log(high - low)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del variables, condition
        check_event("uniform", event_shape, x)
        axes = tuple(range(1, x.ndim))
        return jnp.where(jnp.all((x >= low) & (x <= high), axis=axes), level, -jnp.inf)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        del variables, condition
        x = jax.random.uniform(key, (n, *event_shape), minval=low, maxval=high)
        return x, jnp.full(n, level)

    return Density(no_variables, log_prob, sample)


def logistic(event_shape: tuple[int, ...]) -> Density:
    """The standard logistic distribution in every dimension.

        log p(x) = sum_d log sigmoid(x_d) + log sigmoid(-x_d)

    Args:
        event_shape: the shape of one example.

    Returns:
        A density without parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.densities import logistic
    >>> logistic((1,)).log_prob({}, jnp.zeros((1, 1))).round(4).tolist()
    [-1.3863]
    """
    check_shape("logistic", event_shape)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del variables, condition
        check_event("logistic", event_shape, x)
        return sum_event(jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-x))

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        x = jax.random.logistic(key, (n, *event_shape))
        return x, log_prob(variables, x, condition)

    return Density(no_variables, log_prob, sample)


def uniform_one_hot(classes: int) -> Density:
    """One of several classes, all alike, as a one-hot vector.

        log p(x) = -log classes for a one-hot vector, else -inf

    Args:
        classes: how many.

    Returns:
        A density without parameters over `[b, classes]`.

    Raises:
        InputError: `classes` is not positive.

    >>> import jax.numpy as jnp
    >>> from genjax.densities import uniform_one_hot
    >>> density = uniform_one_hot(4)
    >>> density.log_prob({}, jnp.eye(4)[:1]).round(4).tolist()
    [-1.3863]
    """
    if classes < 1:
        raise InputError(f"uniform_one_hot: classes must be positive, got {classes}.")
    level = -math.log(classes)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del variables, condition
        check_event("uniform_one_hot", (classes,), x)
        binary = jnp.all((x == 0) | (x == 1), axis=1)
        return jnp.where(binary & (jnp.sum(x, axis=1) == 1), level, -jnp.inf)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        del variables, condition
        label = jax.random.randint(key, (n,), 0, classes)
        return jax.nn.one_hot(label, classes), jnp.full(n, level)

    return Density(no_variables, log_prob, sample)


def no_variables(key: Key, x: Event, /, condition: Condition = None) -> Variables:
    """The `init` of a density that holds nothing."""
    del key, x, condition
    return {"params": {}}
