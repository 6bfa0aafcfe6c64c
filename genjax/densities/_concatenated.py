"""Vectors of several independent parts."""

import jax
import jax.numpy as jnp

from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables
from genjax.variables import join_sequence, parts_of


def concatenated(*parts: tuple[Density, int]) -> Density:
    """Independent parts side by side along the last axis.

        log p(x) = sum_i log p_i(x_i),   x = (x_1, x_2, ...)

    A condition goes to every part: a code of a class and of angles has one recogniser.

    Args:
        parts: densities over vectors, each with its width.

    Returns:
        A density over `[b, sum of the widths]`, whose variables are those of the parts,
        by their places.

    Raises:
        InputError: no part is given, or a vector has another width.

    >>> import jax
    >>> from genjax.densities import concatenated, uniform, uniform_one_hot
    >>> density = concatenated((uniform_one_hot(3), 3), (uniform((2,), low=-1.0), 2))
    >>> x, log_prob = density.sample({}, jax.random.key(0), 4)
    >>> x.shape, log_prob.round(4)[0].item()
    ((4, 5), -2.4849)
    """
    if not parts:
        raise InputError("concatenated: name at least one part.")
    densities = [density for density, _ in parts]
    widths = [width for _, width in parts]
    cuts = [sum(widths[: i + 1]) for i in range(len(widths) - 1)]

    def split(x: Event) -> list[Array]:
        if x.shape[1:] != (sum(widths),):
            raise InputError(
                f"concatenated: vectors must have {sum(widths)} numbers, got the "
                f"shape {x.shape[1:]}."
            )
        return jnp.split(x, cuts, axis=1)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        keys = jax.random.split(key, len(densities))
        found = [
            density.init(one, part, condition)
            for density, one, part in zip(densities, keys, split(x), strict=True)
        ]
        return join_sequence(found)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        found = [
            density.log_prob(own, part, condition)
            for density, own, part in zip(
                densities, parts_of(variables, len(densities)), split(x), strict=True
            )
        ]
        return sum(found[1:], found[0])

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        keys = jax.random.split(key, len(densities))
        drawn = [
            density.sample(own, one, n, condition)
            for density, own, one in zip(
                densities, parts_of(variables, len(densities)), keys, strict=True
            )
        ]
        for (part, _), width in zip(drawn, widths, strict=True):
            if part.shape[1:] != (width,):
                raise InputError(
                    f"concatenated: a part of width {width} has samples of the shape "
                    f"{part.shape[1:]}."
                )
        log_probs = [log_prob for _, log_prob in drawn]
        x = jnp.concatenate([part for part, _ in drawn], axis=1)
        return x, sum(log_probs[1:], log_probs[0])

    return Density(init, log_prob, sample)
