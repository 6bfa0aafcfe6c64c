"""Checks of arguments that several families share."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import NetworkLike
from genjax.errors import InputError
from genjax.typing import Array, Batch, Mask, Tree

HINTS = {
    ("Objective", "Density"): "negative_log_likelihood(density) is one",
    ("Objective", "Game"): "minimax trains a game",
    ("Objective", "Update"): "it is an update already",
    ("Objective", "LatentModel"): "vae.elbo(model, latent_dim=...) is one",
    ("Update", "Objective"): "gradient_descent(objective, optimizer) is one",
    ("Update", "Density"): "gradient_descent(negative_log_likelihood(density), "
    "optimizer) is one",
    ("Update", "Game"): "minimax(game, optimizer, optimizer) is one",
    ("Game", "Objective"): "gradient_descent trains an objective",
    ("Density", "number"): "standard_normal((4,)) is one, of noise of width 4",
    ("Density", "Bijector"): "flows.density(bijector, base) is one",
    ("Density", "network"): "conditional_normal(network), and its like, is one",
    ("Bijector", "Density"): "flows.density(bijector, base): the bijector comes first",
    ("Bijector", "Elementwise"): "elementwise(transform), coupling(transform, network, "
    "...) and their like are",
    ("Bijector", "sequence"): "hand them over one by one",
    ("Elementwise", "network"): "affine() and its like are; the network comes after it",
    ("Elementwise", "Bijector"): "affine() and its like are",
    ("Pipeline", "mapping"): "on_device(ArraySource(arrays), batch_size=..., seed=...) "
    "is one",
    ("Pipeline", "array"): 'on_device(ArraySource({"x": array}), batch_size=..., '
    "seed=...) is one",
    ("Pipeline", "ArraySource"): "on_device(source, batch_size=..., seed=...) is one",
    ("Source", "mapping"): "ArraySource(arrays) is one",
    ("Source", "array"): 'ArraySource({"x": array}) is one',
    ("Divisible", "mapping"): "ArraySource(arrays) is one",
    ("Divisible", "array"): 'ArraySource({"x": array}) is one',
    ("ArraySource", "mapping"): "ArraySource(arrays) is one",
    ("ArraySource", "array"): 'ArraySource({"x": array}) is one',
    ("GradientTransformation", "number"): "optax.adam(learning_rate) is one",
}
"""What a user who hands over one thing in the place of another should know."""


def check_is(user: str, wanted: type, **arguments: object) -> None:
    """Checks that arguments are of the contract that they should keep.

    Args:
        user: who asks, for the error's sentence.
        wanted: the contract.
        arguments: by their names.

    Raises:
        InputError: one is something else; the sentence says what makes the right thing.

    >>> from genjax.checks import check_is
    >>> from genjax.base import Objective
    >>> check_is("gradient_descent", Objective, objective=0.1)
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: gradient_descent: objective must be an Objective, got the
    number 0.1.
    """
    for name, value in arguments.items():
        if isinstance(value, wanted):
            continue
        kind, shown = _kind(value)
        of = wanted.__name__
        hint = HINTS.get((of, kind))
        article = "an" if of[0] in "AEIOU" else "a"
        raise InputError(
            f"{user}: {name} must be {article} {of}, got {shown}"
            f"{f': {hint}' if hint else ''}."
        )


def _kind(value: object) -> tuple[str, str]:
    """What something is, for `HINTS` and for a reader."""
    name = type(value).__name__
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return name, f"the {name}"
    if isinstance(value, NetworkLike):
        return "network", f"the network {name}"
    if isinstance(value, bool | str) or value is None:
        return name, repr(value)
    if isinstance(value, int | float):
        return "number", f"the number {value}"
    if isinstance(value, np.ndarray | jax.Array):
        return "array", f"an array of the shape {value.shape}"
    if isinstance(value, Mapping):
        return "mapping", f"a dict of {sorted(map(str, value))}"
    if isinstance(value, list | tuple):
        return "sequence", f"a {name} of {len(value)}"
    return name, f"the {name} {value!r:.60}"


def check_shape(user: str, shape: Sequence[int]) -> None:
    """Checks that the shape of one example is a tuple of whole numbers from 1 on.

    Args:
        user: who asks, for the error's sentence.
        shape: to check.

    Raises:
        InputError: it is something else.

    >>> from genjax.checks import check_shape
    >>> check_shape("standard_normal", 2)
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: standard_normal: the shape of one example is a tuple of
    numbers from 1 on, such as (2,), got 2.
    """
    is_tuple = isinstance(shape, tuple | list)
    if not is_tuple or not all(
        isinstance(n, int | np.integer) and n >= 1 for n in shape
    ):
        raise InputError(
            f"{user}: the shape of one example is a tuple of numbers from 1 on, such "
            f"as (2,), got {shape!r}."
        )


def check_scaled(user: str, x: Array) -> None:
    """Checks that what is real by its model is no array of integers.

    Args:
        user: who asks, for the error's sentence.
        x: the examples.

    Raises:
        InputError: they are integers, such as the grey levels of an image.

    >>> import jax.numpy as jnp
    >>> from genjax.checks import check_scaled
    >>> check_scaled("gan", jnp.ones((2, 4)))
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(
            f"{user}: x is {x.dtype}, and the model is of real numbers: scale it "
            "first, images by data.scale_pixels, and spread grey levels for a flow by "
            "data.dequantize."
        )


def check_order(
    user: str,
    order: Sequence[int] | np.ndarray | Array | None,
    *,
    dim: int | None = None,
) -> np.ndarray:
    """Returns an order as an array, once it is known to be a permutation.

    Args:
        user: who asks, for the error's sentence.
        order: the numbers of dimensions, or of places, in any order; the natural one of
            `dim` when None.
        dim: how many there must be; as many as there are when None.

    Raises:
        InputError: not each number from 0 on is there once.

    >>> from genjax.checks import check_order
    >>> check_order("doctest", (2, 0, 1)).tolist()
    [2, 0, 1]
    """
    if order is None and dim is not None:
        return np.arange(dim, dtype=np.int32)
    if isinstance(order, jax.core.Tracer):
        raise InputError(
            f"{user}: the order must be known when the program is traced; close over "
            "it, and pass arrays as arguments."
        )
    found = np.asarray(order)
    n = found.size if dim is None else dim
    if (
        found.ndim != 1
        or found.dtype.kind not in "iu"
        or sorted(found.tolist()) != list(range(n))
    ):
        raise InputError(
            f"{user}: order must hold each of 0 ... {n - 1} once, got {found.tolist()}."
        )
    return found.astype(np.int32)


def check_observed(user: str, observed: Mask, dim: int) -> np.ndarray:
    """Returns a mask of observed dimensions as an array.

    Args:
        user: who asks, for the error's sentence.
        observed: the mask `[dim]`.
        dim: how many dimensions there are.

    Raises:
        InputError: the mask is traced, or of another shape.

    >>> from genjax.checks import check_observed
    >>> check_observed("doctest", [1, 0], 2).tolist()
    [True, False]
    """
    if isinstance(observed, jax.core.Tracer):
        raise InputError(
            f"{user}: the mask of what is observed must be known when the program is "
            "traced; close over it, and pass x as an argument."
        )
    mask = np.asarray(observed, bool)
    if mask.shape != (dim,):
        raise InputError(
            f"{user}: observed must have the shape ({dim},), got {mask.shape}."
        )
    return mask


def check_prefix(user: str, observed: Mask, order: np.ndarray) -> np.ndarray:
    """Returns a mask of observed dimensions that are the first ones of an order.

    Args:
        user: who asks, for the error's sentence.
        observed: the mask `[dim]`.
        order: the dimension that comes first, the second one, ...

    Raises:
        InputError: the mask is traced, of another shape, or no prefix.

    >>> import numpy as np
    >>> from genjax.checks import check_prefix
    >>> check_prefix("doctest", [0, 1], np.array([1, 0])).tolist()
    [False, True]
    """
    mask = check_observed(user, observed, len(order))
    in_order = mask[order]
    if np.any(in_order[1:] & ~in_order[:-1]):
        first = order[np.argmin(in_order)]
        raise InputError(
            f"{user}: exact completion needs the observed dimensions to be a prefix of "
            f"the order; dimension {first} is missing before observed ones. Orderless "
            "models (deep_nade without an order) condition on any set."
        )
    return mask


def check_condition(user: str, width: int, condition: Array | None, rows: int) -> None:
    """Checks a condition against that which a model was initialised with.

    Args:
        user: who asks, for the error's sentence.
        width: of the condition at first, 0 for none.
        condition: `[rows, width]`, or nothing.
        rows: how many examples there are.

    Raises:
        InputError: the condition is missing, added, of another width, or has not one
            row per example.

    >>> from genjax.checks import check_condition
    >>> check_condition("doctest", 0, None, 5)
    """
    found = (rows, 0) if condition is None else condition.shape
    shown = "none" if condition is None else found
    if found != (rows, width):
        raise InputError(
            f"{user}: the model was initialised with a condition of width {width}, so "
            f"that {rows} examples need one of the shape {(rows, width)}, got {shown}."
        )


def depends_on(function: Callable[[Tree], Tree], argument: Tree) -> bool:
    """Tells whether any output of a function depends on its argument, by tracing it.

    Args:
        function: of a pytree of arrays, to a pytree of arrays.
        argument: of which only shapes and dtypes are used.

    >>> import jax.numpy as jnp
    >>> from genjax.checks import depends_on
    >>> depends_on(lambda x: x + 1, jnp.ones(2))
    True
    >>> depends_on(jnp.zeros_like, jnp.ones(2))
    False
    """
    pair = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), argument)
    try:
        # JAX refuses outputs without an axis that depend on a mapped argument.
        jax.eval_shape(jax.vmap(function, out_axes=None), pair)
    except ValueError:
        # What the function itself refuses is raised here.
        jax.eval_shape(function, argument)
        return True
    return False


def check_condition_is_read(
    user: str, log_prob: Callable[[Array], Array], condition: Array | None
) -> None:
    """Checks that a density depends on the condition that it is given.

    Args:
        user: who asks, for the error's sentence.
        log_prob: of examples, as a function of their condition.
        condition: if there is one.

    Raises:
        InputError: there is one, and nothing reads it.

    >>> import jax.numpy as jnp
    >>> from genjax.checks import check_condition_is_read
    >>> check_condition_is_read("doctest", lambda condition: condition, jnp.ones(2))
    """
    if condition is not None and not depends_on(log_prob, condition):
        raise InputError(
            f"{user}: no part of the density reads the condition {condition.shape}: it "
            "would be learnt without. Leave it out, or take a part that has a network "
            "of it (coupling, masked_autoregressive, conditional_normal, ...)."
        )


def check_not_negative(user: str, name: str, value: float) -> None:
    """Raises an `InputError` where a number is negative, or not a number."""
    if not value >= 0:
        raise InputError(f"{user}: {name} must not be negative, got {value}.")


def read_batch(
    user: str, batch: Batch, needed: Sequence[str], optional: Sequence[str] = ()
) -> tuple:
    """Returns the fields of a batch, None for those that are optional and not there.

    Args:
        user: who asks, for the error's sentence.
        batch: a dict of arrays.
        needed: fields that must be there.
        optional: fields that may be.

    Raises:
        InputError: a field is missing, or one is there that nobody reads.

    >>> from genjax.checks import read_batch
    >>> read_batch("doctest", {"x": 1}, ("x",), ("condition",))
    (1, None)
    """
    fields = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
    known = [*needed, *optional]
    rest = f" (and may have {', '.join(map(repr, optional))})" if optional else ""
    wanted = f"{user}: a batch must be a dict with {', '.join(map(repr, needed))}{rest}"
    if not isinstance(batch, Mapping) or any(name not in batch for name in needed):
        raise InputError(f"{wanted}, got {fields}.")
    unread = [name for name in fields if name not in known]
    if unread:
        raise InputError(
            f"{wanted}, got {fields}: nothing reads {', '.join(map(repr, unread))}; "
            "leave it out, or let training.with_preprocessing choose what goes in."
        )
    return tuple(batch.get(name) for name in known)


def check_event(user: str, shape: tuple[int, ...], x: Array) -> None:
    """Checks the shape of one example against that which a model is of.

    Args:
        user: who asks, for the error's sentence.
        shape: of the model's events.
        x: examples `[b, *event]`.

    Raises:
        InputError: the event has another shape.

    >>> import jax.numpy as jnp
    >>> from genjax.checks import check_event
    >>> check_event("doctest", (2,), jnp.ones((3, 2)))
    """
    if x.shape[1:] != shape:
        raise InputError(
            f"{user}: examples must have the shape {shape}, got {x.shape[1:]} (a batch "
            f"of {x.shape})."
        )


def check_event_mask(user: str, observed: Mask, x: Array) -> Array:
    """Returns a mask of the entries of an event as an array; it may be traced.

    Args:
        user: who asks, for the error's sentence.
        observed: the mask `[*event]`.
        x: examples `[b, *event]`.

    Raises:
        InputError: the mask has another shape.

    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from genjax.checks import check_event_mask
    >>> check_event_mask("doctest", np.array([True]), jnp.ones((2, 1))).tolist()
    [True]
    """
    mask = jnp.asarray(observed, bool)
    if mask.shape != x.shape[1:]:
        raise InputError(
            f"{user}: observed must have the shape {x.shape[1:]} of an event, got "
            f"{mask.shape}."
        )
    return mask


def check_same_leaves(user: str, found: Tree, wanted: Tree) -> None:
    """Checks that a pytree has the leaves of another one: names, shapes and dtypes.

    Args:
        user: who asks, for the error's sentence.
        found: arrays, or what has shapes and dtypes as they have.
        wanted: the same.

    Raises:
        InputError: a leaf is missing, is there and not wanted, or of another shape or
            dtype; the sentence names the first three.

    >>> import jax.numpy as jnp
    >>> from genjax.checks import check_same_leaves
    >>> check_same_leaves("doctest", {"w": jnp.ones(2)}, {"w": jnp.ones(3)})
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: doctest: the leaves are not those of the model: w is
    float32(2,) and should be float32(3,).
    """
    ours, theirs = _leaves(found), _leaves(wanted)
    differing = [
        f"{name} is {ours.get(name, 'missing')} and should be "
        f"{theirs.get(name, 'missing')}"
        for name in dict.fromkeys([*theirs, *ours])
        if ours.get(name) != theirs.get(name)
    ]
    if differing:
        more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise InputError(
            f"{user}: the leaves are not those of the model: "
            f"{'; '.join(differing[:3])}{more}."
        )


def leaf_name(path: Tree) -> str:
    """Returns a readable name of a leaf: `variables/params/W`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _leaves(tree: Tree) -> dict[str, str]:
    """What each leaf is, by its name."""
    return {
        leaf_name(path) or "the array": f"{leaf.dtype}{leaf.shape}"
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }
