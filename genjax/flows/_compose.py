"""Bijectors made of bijectors; log-determinants add up."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from genjax.arrays import as_float
from genjax.base import Bijector, Direction
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, PerExample, Tree, Variables
from genjax.variables import join_sequence, parts_of


def chain(*bijectors: Bijector) -> Bijector:
    """Applies bijectors one after another, the first one first.

        forward = f_n o ... o f_1,   log|det| = sum_i log|det f_i|

    Each is initialised on the batch as it comes out of those before it.

    Examples are `[b, *event]`, log-determinants `[b]`.

    Args:
        bijectors: at least one.

    Returns:
        A bijector whose variables are those of each, by their places.

    Raises:
        InputError: there is no bijector.

    Source: Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021,
    arXiv:1912.02762.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import chain, reverse
    >>> twice = chain(reverse(), reverse())
    >>> x = jnp.arange(3.0)[None]
    >>> variables = twice.init(jax.random.key(0), x)
    >>> twice.forward(variables, x)[0].tolist()
    [[0.0, 1.0, 2.0]]
    """
    for bijector in bijectors:
        check_is("chain", Bijector, bijector=bijector)
    if not bijectors:
        raise InputError("chain: give at least one bijector.")

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        found = []
        for bijector, key_i in zip(
            bijectors, jax.random.split(key, len(bijectors)), strict=True
        ):
            found.append(bijector.init(key_i, x, condition))
            x, _ = bijector.forward(found[-1], x, condition)
        return join_sequence(found)

    def compose(directions: Sequence[Direction], *, order: int) -> Direction:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Array, PerExample]:
            total = jnp.zeros(x.shape[0], jnp.float32)
            each = parts_of(variables, len(directions))
            for direction, own in zip(directions[::order], each[::order], strict=True):
                x, log_det = direction(own, x, condition)
                total = total + log_det
            return x, total

        return apply

    return Bijector(
        init,
        compose([b.forward for b in bijectors], order=1),
        compose([b.inverse for b in bijectors], order=-1),
    )


def invert(bijector: Bijector) -> Bijector:
    """Swaps the directions of a bijector.

    Examples are `[b, *event]`, log-determinants `[b]`.

    Args:
        bijector: any; its `init` still sees the batch as it is.

    Source: Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021,
    arXiv:1912.02762.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import invert, permutation
    >>> back = invert(permutation((1, 2, 0)))
    >>> back.forward({}, jnp.array([[1.0, 2.0, 0.0]]))[0].tolist()
    [[0.0, 1.0, 2.0]]
    """
    check_is("invert", Bijector, bijector=bijector)
    return Bijector(bijector.init, bijector.inverse, bijector.forward)


def stack(*bijectors: Bijector, sizes: Sequence[int] | None = None) -> Bijector:
    """Applies bijectors side by side, each to features of its own.

        y = (f_1(x_1), ..., f_n(x_n)),   log|det| = sum_i log|det f_i|

    Args:
        bijectors: at least one; each keeps the shape of its part.
        sizes: how many features, on the last axis, each has; equal parts when None.

    Returns:
        A bijector whose variables are those of each, by their places.

    Raises:
        InputError: the sizes do not add up to the features.

    Source: Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021,
    arXiv:1912.02762.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import identity, reverse, stack
    >>> both = stack(identity(), reverse(), sizes=(1, 2))
    >>> x = jnp.arange(3.0)[None]
    >>> both.forward(both.init(jax.random.key(0), x), x)[0].tolist()
    [[0.0, 2.0, 1.0]]
    """
    for bijector in bijectors:
        check_is("stack", Bijector, bijector=bijector)
    if not bijectors:
        raise InputError("stack: give at least one bijector.")

    def parts(x: Array) -> list[Array]:
        dim, n = x.shape[-1], len(bijectors)
        each = [dim // n] * n if sizes is None else list(sizes)
        if len(each) != n or sum(each) != dim or min(each) < 1:
            raise InputError(
                f"stack: {n} sizes must add up to the {dim} features, got {each}."
            )
        ends = list(itertools.accumulate(each))[:-1]
        return jnp.split(x, ends, axis=-1)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        keys = jax.random.split(key, len(bijectors))
        return join_sequence(
            [
                bijector.init(key_i, part, condition)
                for bijector, key_i, part in zip(bijectors, keys, parts(x), strict=True)
            ]
        )

    def side_by_side(directions: Sequence[Direction]) -> Direction:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Array, PerExample]:
            results = [
                direction(own, part, condition)
                for direction, own, part in zip(
                    directions,
                    parts_of(variables, len(directions)),
                    parts(x),
                    strict=True,
                )
            ]
            ys, log_dets = zip(*results, strict=True)
            return jnp.concatenate(ys, axis=-1), sum(log_dets[1:], log_dets[0])

        return apply

    return Bijector(
        init,
        side_by_side([b.forward for b in bijectors]),
        side_by_side([b.inverse for b in bijectors]),
    )


def repeat(bijector: Bijector, n: int, *, unroll: int = 1) -> Bijector:
    """Chains `n` copies with variables of their own, as one `lax.scan`.

    Variables are stacked `[n, ...]`, so compile time does not grow with depth. Each
    copy is initialised on the batch as it comes out of those before it.

    Args:
        bijector: what to repeat.
        n: how often.
        unroll: layers in one iteration of the scan. All of eight unrolled took a
            seventh off a step on a CPU, and doubled the time to compile it.

    Raises:
        InputError: `n` is not positive.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import repeat, reverse
    >>> x = jnp.arange(3.0)[None]
    >>> thrice = repeat(reverse(), 3)
    >>> thrice.forward(thrice.init(jax.random.key(0), x), x)[0].tolist()
    [[2.0, 1.0, 0.0]]
    """
    check_is("repeat", Bijector, bijector=bijector)
    if n < 1:
        raise InputError(f"repeat: n must be at least 1, got {n}.")

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        def layer(x: Array, key: Key) -> tuple[Array, Variables]:
            own = bijector.init(key, x, condition)
            return bijector.forward(own, x, condition)[0], own

        keys = jax.random.split(key, n)
        return jax.lax.scan(layer, _as_returned(layer, as_float(x), keys), keys)[1]

    def scan(direction: Direction, *, reverse: bool) -> Direction:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Array, PerExample]:
            def layer(
                carry: tuple[Array, Array], own: Variables
            ) -> tuple[tuple[Array, Array], None]:
                x, log_det = direction(own, carry[0], condition)
                return (x, carry[1] + log_det), None

            x = as_float(x)
            start = (x, jnp.zeros(x.shape[0], x.dtype))
            start = _as_returned(layer, start, variables)
            scanned = jax.lax.scan(
                layer, start, variables, length=n, reverse=reverse, unroll=unroll
            )
            return scanned[0]

        return apply

    return Bijector(
        init,
        scan(bijector.forward, reverse=False),
        scan(bijector.inverse, reverse=True),
    )


def _as_returned(layer: Callable[..., Any], carry: Tree, xs: Tree) -> Tree:
    """The start of a scan in the precision in which its body returns it."""
    if jax.dtypes.canonicalize_dtype(float) == jnp.float32:
        return carry  # without x64, there is no other
    first = jax.tree.map(lambda leaf: leaf[0], xs)
    returned, _ = jax.eval_shape(layer, carry, first)
    return jax.tree.map(lambda leaf, like: leaf.astype(like.dtype), carry, returned)
