"""Permutations of the last axis: volume-preserving mixing between couplings."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from genjax.base import Bijector, Direction
from genjax.checks import check_order
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables


def permutation(order: Sequence[int]) -> Bijector:
    """Reorders the last axis: `y_i = x_(order_i)`, with log-determinant 0.

    Args:
        order: a permutation of `0 ... d - 1`.

    Raises:
        InputError: `order` is no permutation, or not one of that many features.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import permutation
    >>> permutation((2, 0, 1)).forward({}, jnp.array([[10.0, 11.0, 12.0]]))[0].tolist()
    [[12.0, 10.0, 11.0]]
    """
    indices = check_order("permutation", order)

    def reorder(indices: np.ndarray) -> Callable[[Array], Array]:
        def apply(x: Array) -> Array:
            if x.shape[-1] != len(indices):
                raise InputError(
                    f"permutation: the order has {len(indices)} entries, but x has "
                    f"{x.shape[-1]} features."
                )
            return jnp.take(x, indices, axis=-1)

        return apply

    return volume_preserving(reorder(indices), reorder(np.argsort(indices)))


def reverse() -> Bijector:
    """Reverses the last axis, with log-determinant 0.

    Examples are `[b, ..., d]`: the last axis holds the features.

    Source: Papamakarios, Pavlakou and Murray, 2017, arXiv:1705.07057.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import reverse
    >>> reverse().forward({}, jnp.array([[1.0, 2.0]]))[0].tolist()
    [[2.0, 1.0]]
    """

    def flip(x: Array) -> Array:
        return jnp.flip(x, axis=-1)

    return volume_preserving(flip, flip)


def identity() -> Bijector:
    """Changes nothing: what a `stack` does with the features that pass.

    Examples are `[b, *event]`, log-determinants `[b]`, all 0.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import identity
    >>> identity().forward({}, jnp.ones((1, 2)))[0].tolist()
    [[1.0, 1.0]]
    """
    return volume_preserving(lambda x: x, lambda y: y)


def volume_preserving(
    forward: Callable[[Array], Array], inverse: Callable[[Array], Array]
) -> Bijector:
    """A bijector without parameters whose log-determinant is 0.

    Args:
        forward: of a batch.
        inverse: of a batch.
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del key, x, condition
        return {"params": {}}

    def with_log_det(function: Callable[[Array], Array]) -> Direction:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Array, PerExample]:
            del variables, condition
            return function(x), jnp.zeros(x.shape[0], jnp.float32)

        return apply

    return Bijector(init, with_log_det(forward), with_log_det(inverse))
