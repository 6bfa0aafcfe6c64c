"""How a condition enters a model: as a shift that is linear in it."""

import math

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Condition, Key, Params


def init_projection(key: Key, condition: Condition, features: int) -> Params:
    """Returns the matrix of a projection, with no rows where there is no condition.

    Args:
        key: of the matrix.
        condition: `[b, c]`, or nothing.
        features: of the shift.
    """
    rows = 0 if condition is None else condition.shape[1]
    return jax.random.normal(key, (rows, features)) / math.sqrt(max(rows, 1))


def project(matrix: Params, condition: Condition, n: int, *, user: str) -> Array:
    """Returns the shift of each example, `[n, features]`; zeros without a condition.

    Args:
        matrix: of `init_projection`.
        condition: `[n, c]`, or nothing.
        n: examples.
        user: who asks, for the error's sentence.

    Raises:
        InputError: the condition is missing, added, of another width, or has not one
            row an example.
    """
    found = (n, 0) if condition is None else condition.shape
    if found != (n, len(matrix)):
        raise InputError(
            f"{user}: the model was initialised with a condition of width "
            f"{len(matrix)}, so that {n} examples need one of the shape "
            f"{(n, len(matrix))}, got {found}."
        )
    if condition is None:
        return jnp.zeros((n, matrix.shape[1]))
    return condition.astype(jnp.float32) @ matrix
