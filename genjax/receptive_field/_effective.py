"""The effective receptive field: how much each pixel moves a unit."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import InputError
from genjax.receptive_field._field import check_unit
from genjax.receptive_field._sets import support
from genjax.typing import Array

SHARE = 0.0455
"""Of the largest gradient: what lies two standard deviations off a normal's mean."""


class Effective(NamedTuple):
    """How much each pixel moves one unit.

    Fields:
        map: `[h, w]`, the root mean square of gradients.
        width: the root of the number of pixels above .0455 of the largest.
        deviations: the standard deviation of the map along each axis, in pixels.
        share: the width over the side of the theoretical field.
    """

    map: np.ndarray
    width: float
    deviations: tuple[float, ...]
    share: float


def effective(
    network: Callable[[Any, Array], Array],
    parameters: Any,
    x: Array,
    unit: Sequence[int],
    *,
    each: bool = False,
) -> Effective:
    """The effective receptive field of a unit, over draws of the input.

        map = sqrt(mean over draws of (d y_unit / d x)^2, summed over channels)

    Args:
        network: `(parameters, images) -> feature map [b, h', w', c']`, whose channels
            are added up.
        parameters: of the network; stacked, one for each draw, where `each`.
        x: draws of the images, `[n, h, w, c]`.
        unit: its row and column.
        each: whether every draw has parameters of its own.

    Raises:
        InputError: there is no such unit, or it does not depend on the input.

    Source: Luo, Li, Urtasun and Zemel, 2016, arXiv:1701.04128.

    >>> import jax, jax.numpy as jnp
    >>> from genjax.receptive_field import effective
    >>> three = lambda w, x: w * (x[:, 2:] + x[:, 1:-1] + x[:, :-2])
    >>> found = effective(three, 1.0, jnp.ones((1, 9, 1, 1)), (3, 0))
    >>> found.map[:, 0].tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    """

    def value(own: Any, image: Array) -> Array:
        return network(own, image[None])[0, unit[0], unit[1]].sum()

    example = parameters if not each else jax.tree.map(lambda p: p[0], parameters)
    out = jax.eval_shape(network, example, x[:1])
    check_unit("effective", unit, out.shape[1:3])

    @jax.jit
    def root_mean_square(parameters: Any, x: Array) -> Array:
        slopes = jax.vmap(jax.grad(value, argnums=1), (0 if each else None, 0))
        found = slopes(parameters, x)
        largest = jnp.maximum(jnp.max(jnp.abs(found)), jnp.finfo(found.dtype).tiny)
        squares = jnp.sum((found / largest) ** 2, axis=3)  # of what cannot overflow
        return largest * jnp.sqrt(jnp.mean(squares, axis=0))

    found = np.asarray(root_mean_square(parameters, x), np.float64)
    if not found.max() > 0:
        raise InputError(f"effective: the unit {tuple(unit)} does not move with x.")
    seen = support(lambda x, own: network(own, x), x[:1].shape, unit, example).mask
    box = [np.ptp(np.flatnonzero(seen.any(axis=1 - a))) + 1 for a in range(2)]
    width = float(np.sqrt((found > SHARE * found.max()).sum()))
    deviations = tuple(_deviation(found.sum(axis=1 - a)) for a in range(2))
    return Effective(found, width, deviations, width / float(np.sqrt(np.prod(box))))


def _deviation(weights: np.ndarray) -> float:
    places = np.arange(len(weights))
    mean = np.average(places, weights=weights)
    return float(np.sqrt(np.average((places - mean) ** 2, weights=weights)))
