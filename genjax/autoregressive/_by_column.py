"""Tables whose columns are drawn from different distributions."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genjax.autoregressive._conditional import Conditional
from genjax.errors import InputError
from genjax.typing import Array, Key


def by_column(conditionals: Sequence[Conditional]) -> Conditional:
    """A conditional of its own for each column of a table.

    A network gives as many numbers for every column as the widest needs; the rest of a
    narrower one's are not used. Values are `[b, D]`, what determines them
    `[b, D, size]`.

    Args:
        conditionals: one per column, in the natural order; columns that share one
            object are computed together.

    Raises:
        InputError: there is none.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import binary, by_column, normal_mixture
    >>> number, bit = normal_mixture(1), binary()
    >>> conditional = by_column([number, bit, number])
    >>> outputs = jnp.zeros((5, 3, conditional.size))
    >>> conditional.log_prob(outputs, jnp.zeros((5, 3)))[0].round(4).tolist()
    [-1.4461, -0.6931, -1.4461]
    """
    if not conditionals:
        raise InputError("by_column: there is no column.")
    columns = _Columns(conditionals)
    return Conditional(
        columns.size,
        columns.inputs,
        columns.log_prob,
        columns.sample,
        columns.embed,
        columns.marginal,
        columns.check,
        at=columns.at,
    )


class _Columns:
    """The distinct conditionals, and which of them each column has."""

    def __init__(self, conditionals: Sequence[Conditional]) -> None:
        self.kinds = list({id(one): one for one in conditionals}.values())
        place_of = {id(kind): place for place, kind in enumerate(self.kinds)}
        self.place = np.array([place_of[id(one)] for one in conditionals], np.int32)
        self.size = max(kind.size for kind in self.kinds)
        self.inputs = max(kind.inputs for kind in self.kinds)

    def log_prob(self, outputs: Array, x: Array) -> Array:
        parts = zip(self.kinds, self.cut(outputs), self.cut(x), strict=True)
        return self.join([kind.log_prob(_first(kind, o), v) for kind, o, v in parts])

    def sample(self, key: Key, outputs: Array) -> Array:
        keys = jax.random.split(key, len(self.kinds))
        parts = zip(self.kinds, keys, self.cut(outputs), strict=True)
        return self.join([kind.sample(k, _first(kind, o)) for kind, k, o in parts])

    def embed(self, x: Array) -> Array:
        parts = zip(self.kinds, self.cut(x), strict=True)
        return self.join([_padded(kind.embed(v), self.inputs) for kind, v in parts])

    def marginal(self, x: Array) -> Array:
        parts = zip(self.kinds, self.cut(x), strict=True)
        each = [_padded(kind.marginal(v), self.size)[None] for kind, v in parts]
        return self.join(each)[0]

    def check(self, x: Array) -> None:
        for place, kind in enumerate(self.kinds):
            # Other columns hold a value of every kind: 0.
            kind.check(jnp.where((self.place == place)[None], x, 0.0))

    def at(self, d: Array) -> Conditional:
        """The conditional of column `d`, which may be traced."""
        place, kinds = jnp.asarray(self.place)[d], self.kinds

        def chosen(values: Sequence[Array]) -> Array:
            return jax.lax.select_n(jnp.broadcast_to(place, values[0].shape), *values)

        def log_prob(outputs: Array, x: Array) -> Array:
            return chosen([kind.log_prob(_first(kind, outputs), x) for kind in kinds])

        def sample(key: Key, outputs: Array) -> Array:
            return chosen([kind.sample(key, _first(kind, outputs)) for kind in kinds])

        def embed(x: Array) -> Array:
            return chosen([_padded(kind.embed(x), self.inputs) for kind in kinds])

        return Conditional(
            self.size, self.inputs, log_prob, sample, embed, self.marginal
        )

    def cut(self, x: Array) -> list[Array]:
        """The columns of each kind, `[b, own, ...]`."""
        return [x[:, self.place == place] for place in range(len(self.kinds))]

    def join(self, parts: Sequence[Array]) -> Array:
        """Puts the columns of the kinds back in their order."""
        order = np.argsort(np.argsort(self.place, kind="stable"), kind="stable")
        return jnp.concatenate(parts, axis=1)[:, order]


def _first(kind: Conditional, outputs: Array) -> Array:
    return outputs[..., : kind.size]


def _padded(array: Array, width: int) -> Array:
    missing = width - array.shape[-1]
    return jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])
