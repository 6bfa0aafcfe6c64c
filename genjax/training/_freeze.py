"""Training a part of a model's parameters."""

from collections.abc import Callable, Hashable
from typing import Any

import jax
import optax

from genjax.checks import check_is, leaf_name
from genjax.errors import InputError
from genjax.typing import Params, Tree


def freeze(
    optimizer: optax.GradientTransformation, is_frozen: Callable[[str], bool]
) -> optax.GradientTransformation:
    """An optimiser that leaves some parameters as they are.

    Args:
        optimizer: of the others, `[...]` each.
        is_frozen: of the path of a parameter, such as `bijector/0/Dense_0/kernel`,
            below `"params"`.

    Raises:
        InputError: when it is initialised, no parameter, or every one, is frozen.

    >>> import optax
    >>> from genjax.training import freeze
    >>> import jax.numpy as jnp
    >>> params = {"encoder": jnp.ones(1), "head": jnp.ones(1)}
    >>> optimizer = freeze(optax.sgd(0.1), lambda path: path.startswith("encoder"))
    >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
    >>> [updates[name].round(3).tolist() for name in ("encoder", "head")]
    [[0.0], [-0.1]]
    """
    check_is("freeze", optax.GradientTransformation, optimizer=optimizer)

    def labels(params: Params) -> Tree:
        flat, structure = jax.tree_util.tree_flatten_with_path(params)
        names = [leaf_name(path) for path, _ in flat]
        frozen = [is_frozen(name) for name in names]
        if all(frozen) or not any(frozen):
            which = "every" if all(frozen) else "no"
            raise InputError(
                f"freeze: {which} parameter is frozen; their paths are "
                f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''}."
            )
        return structure.unflatten(["frozen" if one else "trained" for one in frozen])

    parts: dict[Hashable, Any] = {"trained": optimizer, "frozen": optax.set_to_zero()}
    return optax.partition(parts, labels)
