"""The receptive field of a network: size, effective stride and padding."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import NetworkLike
from genjax.checks import check_shape
from genjax.errors import InputError
from genjax.programs import dependence
from genjax.typing import Array


class ReceptiveField(NamedTuple):
    """What one unit of an output sees, along each spatial axis.

    Fields:
        size: pixels from the first to the last that it sees.
        stride: pixels between neighbouring units.
        padding: pixels by which unit 0 reaches beyond the input's edge.
    """

    size: tuple[int, ...]
    stride: tuple[int | float, ...]
    padding: tuple[int | float, ...]


def receptive_field(
    network: Callable[[Array], Array],
    shape: Sequence[int],
    *,
    axes: Sequence[int] = (1, 2),
) -> ReceptiveField:
    """The receptive field of any JAX function of an image, from its jaxpr.

        unit u sees the pixels from -padding + u stride on, `size` of them

    Units that are cut off at the edges, also by paddings inside the network, are not
    looked at: where there is none that sees all it can, the image is too small, and a
    sentence says so. Nothing is executed.

    Args:
        network: from images to one feature map, with the same axes.
        shape: of the images, `(b, h, w, c)`.
        axes: the spatial ones.

    Raises:
        InputError: the output has no such axes, sees nothing of the input, or no unit
            is free of the edges.

    Source: Araujo, Norris and Sim, 2019, Computing receptive fields of convolutional
    neural networks.

    >>> from genjax.receptive_field import receptive_field
    >>> from genjax.nn import max_pool
    >>> receptive_field(lambda x: max_pool(x, (3, 3), strides=(2, 2)), (1, 32, 32, 1))
    ReceptiveField(size=(3, 3), stride=(2, 2), padding=(0, 0))
    """
    if isinstance(network, NetworkLike):
        raise InputError(
            f"receptive_field: {type(network).__name__} has variables: hand over a "
            "function of the image alone, lambda x: network.apply(variables, x)."
        )
    check_shape("receptive_field", shape)
    x = jax.ShapeDtypeStruct(tuple(shape), jnp.float32)
    sights, out = dependence(network, x)
    if len(sights) != 1:
        raise InputError(
            f"receptive_field: the network must return one array, got {len(sights)}."
        )
    rows = [_along_axis(sights[0][axis], axis, shape[axis], out) for axis in axes]
    return ReceptiveField(*(tuple(column) for column in zip(*rows, strict=True)))


def _along_axis(
    span: Any, axis: int, extent: int, out: Any
) -> tuple[int, int | float, int | float]:
    if span.axis is None or not np.isfinite(span.low).any():
        raise InputError(
            f"receptive_field: the output {tuple(out.shape)} has no axis that follows "
            f"axis {axis} of the input."
        )
    sizes = span.high - span.low + 1
    widest = sizes.max()
    # A unit near the edge sees less, also where the network pads inside.
    free = np.flatnonzero((sizes == widest) & (span.low > 0) & (span.high < extent - 1))
    middle = free[len(free) // 2] if len(free) else -1
    if len(free) < 2 or (middle + 1 not in free and middle - 1 not in free):
        raise InputError(
            f"receptive_field: no unit is free of the edges along axis {axis} of "
            f"{extent} pixels; units see up to {int(widest)} of them: take a larger "
            "image."
        )
    other = middle + 1 if middle + 1 in free else middle - 1
    stride = (span.low[other] - span.low[middle]) / (other - middle)
    padding = middle * stride - span.low[middle]
    return int(widest), _number(stride), _number(padding)


def _number(value: float) -> int | float:
    """Fractions, as after up-sampling, stay fractions."""
    return int(value) if value == int(value) else float(value)


def layer_recursion(
    layers: Sequence[tuple[int, int, int]],
) -> tuple[int, int, int]:
    """The classic recursion over a chain of layers, from the last to the first.

        r <- s r + (k - s),   S <- s S,   P <- s P + p

    Args:
        layers: `(kernel, stride, padding)` of each, the first one first; a dilated
            kernel counts `d (k - 1) + 1`.

    Returns:
        Size, effective stride and effective padding.

    Source: Araujo, Norris and Sim, 2019.

    >>> from genjax.receptive_field import layer_recursion
    >>> layer_recursion([(3, 2, 1), (3, 1, 1)])
    (7, 2, 3)
    """
    size, stride, padding = 1, 1, 0
    for kernel, step, pad in reversed(layers):
        size = step * size + kernel - step
        stride, padding = step * stride, step * padding + pad
    return size, stride, padding


def impulse_response(
    network: Callable[[Array], Array], shape: Sequence[int], unit: Sequence[int]
) -> np.ndarray:
    """Which pixels move a unit of a network, found by trying every one of them.

    The network should have positive weights and no negative biases: then a pixel that
    is seen moves the unit, and one that is not does not. An oracle, slow and exact.

    Args:
        network: from images to a feature map `[b, h', w', c']`.
        shape: of the images, `(1, h, w, c)`; every channel of a pixel is set.
        unit: its row and column.

    Returns:
        `[h, w]`, True where a pixel is seen.

    >>> from genjax.receptive_field import impulse_response
    >>> def network(x):
    ...     return x[:, ::2] + x[:, 1::2]
    >>> impulse_response(network, (1, 4, 1, 1), (1, 0))[:, 0].tolist()
    [False, False, True, True]
    """
    _, height, width, channels = shape
    pixels = jnp.eye(height * width, dtype=jnp.float32)
    images = jnp.repeat(pixels.reshape(-1, height, width, 1), channels, axis=3)
    blank = network(jnp.zeros((1, height, width, channels)))[0, unit[0], unit[1]]

    def moved(image: Array) -> Array:
        return jnp.any(network(image[None])[0, unit[0], unit[1]] != blank)

    seen = jax.lax.map(moved, images, batch_size=64)
    return np.asarray(seen).reshape(height, width)
