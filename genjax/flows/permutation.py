"""Permutations of the last axis: volume-preserving mixing between couplings."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from genjax.base import Bijector
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample


def permutation(order: Sequence[int]) -> Bijector:
    """Reorders the last axis: `y_i = x_(order_i)`, with log-determinant 0.

    Args:
        order: a permutation of `0 ... d - 1`.

    Raises:
        InputError: `order` is no permutation, or not one of that many features.

    >>> permutation((2, 0, 1)).forward((), jnp.array([[10.0, 11.0, 12.0]]))[0].tolist()
    [[12.0, 10.0, 11.0]]
    """
    indices = np.asarray(order)
    if sorted(indices.tolist()) != list(range(len(indices))):
        raise InputError(
            f"permutation: order must hold each of 0 ... {len(indices) - 1} once, "
            f"got {list(order)}."
        )

    def check(x: Array) -> None:
        if x.shape[-1] != len(indices):
            raise InputError(
                f"permutation: the order has {len(indices)} entries, but x has "
                f"{x.shape[-1]} features."
            )

    return _volume_preserving(
        lambda x: jnp.take(x, indices, axis=-1),
        lambda y: jnp.take(y, np.argsort(indices), axis=-1),
        check,
    )


def reverse() -> Bijector:
    """Reverses the last axis, with log-determinant 0.

    >>> reverse().forward((), jnp.array([[1.0, 2.0]]))[0].tolist()
    [[2.0, 1.0]]
    """

    def flip(x: Array) -> Array:
        return jnp.flip(x, axis=-1)

    return _volume_preserving(flip, flip, lambda x: None)


def _volume_preserving(forward_map, inverse_map, check) -> Bijector:
    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        del key, condition
        check(x)
        return ()

    def forward(
        params: Params, x: Event, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del params, condition
        check(x)
        return forward_map(x), jnp.zeros(x.shape[0], jnp.float32)

    def inverse(
        params: Params, y: Event, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        del params, condition
        check(y)
        return inverse_map(y), jnp.zeros(y.shape[0], jnp.float32)

    return Bijector(init, forward, inverse)
