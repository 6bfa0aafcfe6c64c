"""What every update is made of: microbatches, a descent, and means over devices."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from genjax.errors import InputError
from genjax.typing import Array, Batch, Key, Params, Variables

PMAP_AXIS = "devices"
"""The axis that `genjax.training.pmap` names."""

Loss = Callable[[Variables], tuple[Array, tuple[Variables, dict[str, Array]]]]


def descend(
    loss: Loss,
    optimizer: optax.GradientTransformation,
    variables: Variables,
    opt_state: Any,
) -> tuple[Variables, Any, dict[str, Array]]:
    """Takes one optimiser step on the gradient of a loss.

        g = d loss(variables) / d variables["params"],   params <- params + optimizer(g)

    Inside `pmap`, gradients, collections and metrics are averaged over the devices.

    Args:
        loss: `variables -> (scalar, (new_collections, metrics))`.
        optimizer: any optax transformation.
        variables: collections by name, `"params"` among them.
        opt_state: the optimiser's state.

    Returns:
        The new variables, the new optimiser state, and the metrics with
        `gradient_norm`.

    >>> import jax.numpy as jnp
    >>> def square(variables):
    ...     value = variables["params"] ** 2
    ...     return value, ({}, {"loss": value})
    >>> start, sgd = {"params": jnp.array(1.0)}, optax.sgd(0.25)
    >>> variables, _, metrics = descend(square, sgd, start, sgd.init(start["params"]))
    >>> float(variables["params"]), float(metrics["gradient_norm"])
    (0.5, 2.0)
    """
    found = mean_over_devices(raw_gradient(loss, variables))
    return advance(optimizer, variables, opt_state, *found)


def raw_gradient(
    loss: Loss, variables: Variables
) -> tuple[Params, tuple[Variables, dict[str, Array]]]:
    """Returns the gradient in the parameters, on this device, and what comes along.

    Args:
        loss: `variables -> (scalar, (new_collections, metrics))`.
        variables: collections by name, `"params"` among them.
    """
    others = {k: v for k, v in variables.items() if k != "params"}

    def of_params(params: Params) -> Any:
        return loss({"params": params, **others})

    return jax.grad(of_params, has_aux=True)(variables["params"])


def advance(
    optimizer: optax.GradientTransformation,
    variables: Variables,
    opt_state: Any,
    gradients: Params,
    aux: tuple[Variables, dict[str, Array]],
) -> tuple[Variables, Any, dict[str, Array]]:
    """Takes one optimiser step on gradients that are known.

    Args:
        optimizer: any optax transformation.
        variables: collections by name, `"params"` among them.
        opt_state: the optimiser's state.
        gradients: those of the whole batch.
        aux: the new collections and the metrics of the loss.

    Returns:
        The new variables, the new optimiser state, and the metrics with
        `gradient_norm`.
    """
    new, metrics = aux
    params = variables["params"]
    # Optax mixes Python floats, int32 counts and bfloat16 leaves.
    with jax.numpy_dtype_promotion("standard"):
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        params = optax.apply_updates(params, updates)
        metrics = {**metrics, "gradient_norm": optax.tree.norm(gradients)}
    return {**variables, **new, "params": params}, opt_state, metrics


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


def mean_over_devices(tree: Any) -> Any:
    """Averages over the devices inside `pmap`; outside, returns its argument.

    Every update calls it once, on its raw gradients (`descend` does): that is what
    makes `pmap` a transform of any update.
    """
    return _inside_pmap(lambda: jax.lax.pmean(tree, PMAP_AXIS), tree)


def key_of_step(key: Key, step: Array) -> Key:
    """Returns `fold_in(key, step)`; inside `pmap`, another key on each device."""
    key = jax.random.fold_in(key, step)

    def fold() -> Key:
        return jax.random.fold_in(key, jax.lax.axis_index(PMAP_AXIS))

    return _inside_pmap(fold, key)


def _inside_pmap(compute: Callable[[], Any], otherwise: Any) -> Any:
    try:
        jax.lax.axis_size(PMAP_AXIS)
    except NameError:
        return otherwise
    return compute()
