"""The hard value with the soft gradient."""

from collections.abc import Callable
from typing import Any

import jax

from genjax.typing import Tree

Function = Callable[..., Any]


def straight_through(hard: Function, soft: Function) -> Function:
    """Computes one function and differentiates another.

        f(x) = hard(x),   df/dx = d soft / dx

    The value is `hard`'s bit for bit: nothing is added and taken away again. Gradients
    of any order, forward or reverse, are `soft`'s.

    Both take and give arrays of any shape, `[*shape]`.

    Args:
        hard: the function wanted.
        soft: its surrogate, with outputs of the same shapes and dtypes.

    Source: Bengio, Leonard and Courville, 2013, arXiv:1308.3432.

    >>> import jax
    >>> from genjax.smooth import straight_through
    >>> import jax.numpy as jnp
    >>> step = straight_through(lambda x: (x > 0).astype(x.dtype), jax.nn.sigmoid)
    >>> float(step(jnp.array(0.1))), float(jax.grad(step)(jnp.array(0.0)))
    (1.0, 0.25)
    """

    @jax.custom_jvp
    def value(*inputs: Tree) -> Tree:
        return hard(*inputs)

    @value.defjvp
    def _(primals: Tree, tangents: Tree) -> Tree:
        _, tangent = jax.jvp(soft, primals, tangents)
        return value(*primals), tangent

    return value
