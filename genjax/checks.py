"""Checks of arguments that several families share."""

from collections.abc import Sequence

import numpy as np

from genjax.errors import InputError
from genjax.typing import Array


def check_order(
    user: str, order: Sequence[int] | np.ndarray | Array, *, dim: int | None = None
) -> np.ndarray:
    """Returns an order as an array, once it is known to be a permutation.

    Args:
        user: who asks, for the error's sentence.
        order: the numbers of dimensions, or of places, in any order.
        dim: how many there must be; as many as there are when None.

    Raises:
        InputError: not each number from 0 on is there once.

    >>> check_order("doctest", (2, 0, 1)).tolist()
    [2, 0, 1]
    """
    found = np.asarray(order)
    n = found.size if dim is None else dim
    if found.ndim != 1 or sorted(found.tolist()) != list(range(n)):
        raise InputError(
            f"{user}: order must hold each of 0 ... {n - 1} once, got {found.tolist()}."
        )
    return found


def check_condition(user: str, width: int, condition: Array | None, rows: int) -> None:
    """Checks a condition against that which a model was initialised with.

    Args:
        user: who asks, for the error's sentence.
        width: of the condition at first, 0 for none.
        condition: `[rows, width]`, or nothing.
        rows: how many examples there are.

    Raises:
        InputError: the condition is missing, added, of another width, or has not one
            row an example.

    >>> check_condition("doctest", 0, None, 5)
    """
    found = (rows, 0) if condition is None else condition.shape
    if found != (rows, width):
        raise InputError(
            f"{user}: the model was initialised with a condition of width {width}, so "
            f"that {rows} examples need one of the shape {(rows, width)}, got {found}."
        )
