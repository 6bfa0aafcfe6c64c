"""Exact sets: the pixels that a unit sees, and which element depends on which."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.checks import check_order, check_shape
from genjax.errors import InputError
from genjax.programs import dependence
from genjax.receptive_field._field import (
    analysed,
    as_function,
    check_images,
    check_unit,
)


class Support(NamedTuple):
    """The pixels that one unit sees.

    Fields:
        mask: over the spatial axes, True where a pixel is seen.
        share: of the smallest box around them that is seen: 1 without holes.
        context: the reductions through which all is seen, which are left out.
        unions: where sets come together that are no product of sets along the axes:
            some pixels may be marked that are not seen.
    """

    mask: np.ndarray
    share: float
    context: tuple[str, ...]
    unions: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether no pixel is marked that is not seen."""
        return not self.unions


def support(
    network: Callable[..., Any],
    shape: Sequence[int],
    unit: Sequence[int],
    *parameters: Any,
    axes: Sequence[int] = (1, 2),
    whole: bool = False,
) -> Support:
    """The exact set of pixels that a unit sees, with the holes of dilation.

        mask = set along the first axis x set along the second one

    Args:
        network: a function from images to one feature map, or a Flax module.
        shape: of the images.
        unit: its place along the spatial axes.
        parameters: the network's other arguments, or their shapes.
        axes: the spatial ones.
        whole: as in `receptive_field`.

    Raises:
        InputError: there is no such unit, or the network returns several arrays.

    Source: Wang et al., 2018, arXiv:1702.08502 (gridding).

    >>> from genjax.receptive_field import support
    >>> dilated = lambda x: x[:, 4:] + x[:, 2:-2] + x[:, :-4]
    >>> support(dilated, (1, 9, 1, 1), (2, 0)).mask[:, 0].astype(int).tolist()
    [0, 0, 1, 0, 1, 0, 1, 0, 0]
    """
    check_images("support", shape, axes)
    network, parameters = as_function("support", network, shape, parameters)
    sights, outputs, notes = analysed(network, shape, parameters, whole=whole)
    if len(sights) != 1:
        raise InputError(
            f"support: the network must return one array, got {len(sights)}."
        )
    (sight,), (out,) = sights, jax.tree.leaves(outputs)
    if len(out.shape) <= max(axes):
        raise InputError(
            f"support: the output {out.shape} lacks axes of {tuple(axes)}."
        )
    check_unit("support", unit, [out.shape[a] for a in axes])
    place: list[Any] = [slice(None)] * len(out.shape)
    sets = []
    for axis in axes:
        part = sight.seen[axis]
        for at, position in zip(axes, unit, strict=True):
            place[at] = (
                slice(position, position + 1) if part.shape[at] > 1 else slice(1)
            )
        own = part[tuple(place)].reshape(-1, part.shape[-1])[:, :-1]
        sets.append(own.any(axis=0))
    mask = sets[0]
    for own in sets[1:]:
        mask = mask[..., None] & own
    hull = math.prod(int(np.ptp(np.flatnonzero(s)) + 1) if s.any() else 0 for s in sets)
    context = {name for axis in axes for name in sight.context[axis]}
    if not hull and not context:
        raise InputError(f"support: the unit {tuple(unit)} sees nothing of the input.")
    share = float(mask.sum() / hull) if hull else 0.0
    return Support(mask, share, tuple(sorted(context)), tuple(notes.unions))


def dependency(
    function: Callable[..., Any], shape: Sequence[int], *parameters: Any
) -> np.ndarray:
    """Which element of the output depends on which element of the input.

    Arrays that the function closes over are constants, whose zeros count: a masked
    weight is such a constant times a parameter. Nothing is executed.

    Args:
        function: of an array, and of parameters; it returns one array.
        shape: of the array; for small ones.
        parameters: further arguments, or their shapes; any value but 0.

    Returns:
        `[elements of the output, elements of the input]`.

    Raises:
        InputError: the function returns several arrays.

    >>> import jax.numpy as jnp
    >>> from genjax.receptive_field import dependency
    >>> dependency(lambda x, w: (w * jnp.tril(jnp.ones((3, 3)))) @ x, (3,),
    ...            jnp.ones((3, 3))).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    check_shape("dependency", shape)
    x = jax.ShapeDtypeStruct(tuple(shape), jnp.float32)
    sights, outputs, _ = dependence(function, x, *parameters, by_element=True)
    if len(sights) != 1:
        raise InputError(
            f"dependency: the function must return one array, got {len(sights)}."
        )
    out = jax.tree.leaves(outputs)[0].shape
    seen = sights[0].seen[0][..., :-1]
    return np.broadcast_to(seen, (*out, seen.shape[-1])).reshape(-1, seen.shape[-1])


def is_autoregressive(
    function: Callable[..., Any],
    dim: int,
    *parameters: Any,
    order: Sequence[int] | None = None,
) -> bool:
    """Proves that outputs depend on earlier inputs alone, without running a model.

        d outputs_d / d x_e = 0 for all e at or after d in the order

    Args:
        function: from a vector `[dim]` to `[dim, ...]`, what determines each dimension.
        dim: of the vector.
        parameters: further arguments, or their shapes; any value but 0.
        order: which dimension comes first, second, ...; natural when None.

    Raises:
        InputError: the output has another first axis, or the order is no permutation.

    >>> from genjax.receptive_field import is_autoregressive
    >>> import jax.numpy as jnp
    >>> is_autoregressive(lambda x: jnp.pad(x, (1, 0))[:-1], 4)
    True
    >>> is_autoregressive(jnp.cumsum, 4)
    False
    """
    places = check_order("is_autoregressive", order, dim=dim)
    found = dependency(function, (dim,), *parameters)
    if len(found) % dim:
        raise InputError(
            f"is_autoregressive: the output must be [{dim}, ...], got {len(found)} "
            "elements."
        )
    of_dims = np.logical_or.reduce(found.reshape(dim, -1, dim), axis=1)
    return not np.triu(of_dims[np.ix_(places, places)]).any()
