"""What every update is made of: microbatches, gradients, a descent.

A step is written for one device. Inside `genjax.training.pmap` the gradient of a loss
is its mean over the devices; that is here, and nowhere else but where a second
derivative is taken by hand.
"""

from collections.abc import Callable
from typing import TypeAlias, cast

import jax
import jax.numpy as jnp
import optax

from genjax.base import COLLECTIONS
from genjax.errors import InputError
from genjax.typing import (
    Array,
    Batch,
    Key,
    Metrics,
    OptState,
    Outcome,
    Params,
    Tree,
    Variables,
)
from genjax.variables import updated

PMAP_AXIS = "devices"
"""The axis that `genjax.training.pmap` names."""

VariablesLoss: TypeAlias = Callable[[Variables], Outcome]
"""`variables -> (scalar, (changed collections, metrics))`."""


def descend(
    loss: VariablesLoss,
    optimizer: optax.GradientTransformation,
    variables: Variables,
    opt_state: OptState,
) -> tuple[Variables, OptState, Metrics]:
    """Takes one optimiser step on the gradient of a loss.

        g = d loss(variables) / d variables["params"],   params <- params + optimizer(g)

    Args:
        loss: `variables -> (scalar, (changed collections, metrics))`.
        optimizer: any optax transformation.
        variables: collections by name, `"params"` among them.
        opt_state: the optimiser's state.

    Returns:
        The new variables, the new optimiser state, and the metrics with
        `gradient_norm`.

    >>> import optax
    >>> from genjax.steps import descend
    >>> import jax.numpy as jnp
    >>> def square(variables):
    ...     value = variables["params"] ** 2
    ...     return value, ({}, {"loss": value})
    >>> start, sgd = {"params": jnp.array(1.0)}, optax.sgd(0.25)
    >>> variables, _, metrics = descend(square, sgd, start, sgd.init(start["params"]))
    >>> float(variables["params"]), float(metrics["gradient_norm"])
    (0.5, 2.0)
    """
    found = gradient_of(loss, variables)
    return advance(optimizer, variables, opt_state, *found)


def gradient_of(
    loss: VariablesLoss, variables: Variables
) -> tuple[Params, tuple[Variables, Metrics]]:
    """Returns the gradient in the parameters, and what comes along.

    Inside `pmap`, gradients and metrics are means over the devices, and so are the
    changed collections that depend on a device's rows.

    Args:
        loss: `variables -> (scalar, (changed collections, metrics))`.
        variables: collections by name, `"params"` among them.

    Raises:
        InputError: inside `pmap`, a collection has changed that it cannot make right.
    """
    others = {k: v for k, v in variables.items() if k != "params"}

    def of_params(params: Params) -> Outcome:
        return loss({"params": params, **others})

    found = jax.grad(of_params, has_aux=True)(variables.get("params", {}))
    if not inside_pmap():
        return found
    gradients, (changed, metrics) = found
    averaged = {
        name: jax.tree.map(_synchronized, part) if _meaning(name) == "mean" else part
        for name, part in changed.items()
    }
    gradients, metrics = across_devices((gradients, metrics))
    return gradients, (averaged, metrics)


def advance(
    optimizer: optax.GradientTransformation,
    variables: Variables,
    opt_state: OptState,
    gradients: Params,
    aux: tuple[Variables, Metrics],
) -> tuple[Variables, OptState, Metrics]:
    """Takes one optimiser step on gradients that are known.

    Args:
        optimizer: any optax transformation.
        variables: collections by name, `"params"` among them.
        opt_state: the optimiser's state.
        gradients: those of the whole batch.
        aux: the changed collections and the metrics of the loss.

    Returns:
        The new variables, the new optimiser state, and the metrics with
        `gradient_norm`.
    """
    changed, metrics = aux
    params: Params = variables.get("params", {})
    # Optax mixes Python floats, int32 counts and bfloat16 leaves.
    with jax.numpy_dtype_promotion("standard"):
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        params = cast(Params, optax.apply_updates(params, updates))
        metrics = {**metrics, "gradient_norm": optax.tree.norm(gradients)}
    return {**updated(variables, changed), "params": params}, opt_state, metrics


def microbatches(batch: Batch, n: int, *, user: str) -> Batch:
    """Cuts a batch into `n` equal parts, stacked: `[n, b / n, ...]`.

    Rows are dealt out one by one, so that those which are sharded over devices stay
    where they are.

    Args:
        batch: a pytree with a leading axis `b`.
        n: how many parts; it must divide the batch.
        user: who asks, for the error's sentence.

    Raises:
        InputError: `n` does not divide the batch.

    >>> from genjax.steps import microbatches
    >>> import jax.numpy as jnp
    >>> microbatches(jnp.arange(4), 2, user="me").tolist()
    [[0, 2], [1, 3]]
    """

    def split(leaf: Array) -> Array:
        if leaf.shape[0] % n:
            raise InputError(
                f"{user}: n = {n} must divide the batch, got {leaf.shape[0]} rows."
            )
        return leaf.reshape(leaf.shape[0] // n, n, *leaf.shape[1:]).swapaxes(0, 1)

    return jax.tree.map(split, batch)


def key_of_step(key: Key, step: Array) -> Key:
    """Returns `fold_in(key, step)`; inside `pmap`, another key on each device.

    Args:
        key: of the run.
        step: how many steps have been made.
    """
    key = jax.random.fold_in(key, step)
    if inside_pmap():
        key = jax.random.fold_in(key, jax.lax.axis_index(PMAP_AXIS))
    return key


def across_devices(tree: Tree) -> Tree:
    """Averages over the devices inside `pmap`; outside, returns its argument.

    Args:
        tree: a pytree of floats.
    """
    return jax.lax.pmean(tree, PMAP_AXIS) if inside_pmap() else tree


def _synchronized(leaf: Array) -> Array:
    # A count is the same on every device; where it is not, `pmap` refuses it.
    return across_devices(leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf


def inside_pmap() -> bool:
    """Tells whether this is traced inside `genjax.training.pmap`."""
    return PMAP_AXIS in jax.sharding.get_abstract_mesh().manual_axes


def _meaning(name: str) -> str:
    if name not in COLLECTIONS:
        raise InputError(
            f"pmap: the collection {name!r} has changed, and nothing says what it is "
            f"on several devices (genjax.base.COLLECTIONS knows {list(COLLECTIONS)}); "
            "use data_parallel, where every collection is that of the global batch."
        )
    return COLLECTIONS[name]
