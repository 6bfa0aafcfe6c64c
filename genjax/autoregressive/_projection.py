"""How a condition enters a model: as a shift that is linear in it."""

import math

import jax
import jax.numpy as jnp

from genjax.checks import check_condition
from genjax.typing import Array, Condition, Key, Params


def init_projection(key: Key, condition: Condition, features: int) -> Params:
    """Returns the matrix of a projection, or None where there is no condition.

    Args:
        key: of the matrix.
        condition: `[b, c]`, or nothing.
        features: of the shift.
    """
    if condition is None:
        return None
    width = condition.shape[1]
    return jax.random.normal(key, (width, features)) / math.sqrt(width)


def project(
    matrix: Params, condition: Condition, n: int, *, features: int, user: str
) -> Array:
    """Returns the shift of each example, `[n, features]`; zeros without a condition.

    Args:
        matrix: of `init_projection`.
        condition: `[n, c]`, or nothing.
        n: examples.
        features: of the shift.
        user: who asks, for the error's sentence.

    Raises:
        InputError: the condition is missing, added, of another width, or has not one
            row per example.
    """
    width = 0 if matrix is None else len(matrix)
    check_condition(user, width, condition, n)
    if condition is None:
        return jnp.zeros((n, features), jnp.float32)
    return condition.astype(jnp.float32) @ matrix
