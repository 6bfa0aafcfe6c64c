"""Fields layer by layer: what each adds, and for which sizes all of them add."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from genjax.errors import InputError
from genjax.programs import Fit, Sight, Step, fitted
from genjax.receptive_field._field import (
    LARGEST,
    Number,
    analysed,
    as_function,
    check_images,
    number,
    units_along,
)

WINDOWS = ("conv_general_dilated", "dot_general")
POOLS = "reduce_window"


class Layer(NamedTuple):
    """One layer of a network, and what its units see.

    Fields:
        name: of the module; of the equation and the line that wrote it where there is
            none.
        shape: of its output.
        size: of its field along each axis; None where no unit is free of the edges, or
            it follows no axis.
        stride: between its units, likewise.
        weights: how many numbers its kernel or matrix has.
        context: the reductions before it through which all is seen.
    """

    name: str
    shape: tuple[int, ...]
    size: tuple[int | None, ...]
    stride: tuple[Number | None, ...]
    weights: int
    context: tuple[str, ...]


class Range(NamedTuple):
    """For which sizes of an image all layers of a network add to what is seen.

    Fields:
        smallest: the side of the field of the layer that reaches farthest, by the
            narrowest way to it: on smaller images it looks beyond them.
        largest: the side of the widest field: on larger images no unit sees more.
        idle: layers that look beyond the image at the size that was asked about.
    """

    smallest: int
    largest: int
    idle: tuple[str, ...]


def layerwise(
    network: Callable[..., Any],
    shape: Sequence[int],
    *parameters: Any,
    axes: Sequence[int] = (1, 2),
) -> list[Layer]:
    """A row for every layer: convolutions, products and pooling, by their modules.

    Args:
        network: a function from images to feature maps, or a Flax module.
        shape: of the images.
        parameters: the network's other arguments, or their shapes.
        axes: the spatial ones.

    Returns:
        The layers in the order in which they are computed.

    Source: Araujo, Norris and Sim, 2019.

    >>> from genjax.receptive_field import layerwise
    >>> from genjax.nn import ConvNet
    >>> rows = layerwise(ConvNet(features=3, widths=(4, 4)), (1, 32, 32, 1))
    >>> [(row.name, row.size) for row in rows[:2]]
    [('ConvNet/Conv_0', (3, 3)), ('ConvNet/Conv_1', (8, 8))]
    """
    check_images("layerwise", shape, axes)
    network, parameters = as_function("layerwise", network, shape, parameters)
    rows: list[Layer] = []

    def visit(step: Step, result: Sight) -> None:
        if _is_layer(step):
            rows.append(_row(step, result, axes))

    analysed(network, shape, parameters, visit=visit)
    return rows


def useful_range(
    network: Callable[..., Any],
    shape: Sequence[int],
    *parameters: Any,
    axes: Sequence[int] = (1, 2),
) -> Range:
    """The sizes of an image at which every layer of a network adds to what is seen.

    Of two paths that come together, the narrower one counts for the smallest size: a
    shortcut leaves the next layer something to add.

    Args:
        network: a function from images to a feature map, or a Flax module.
        shape: of the images about which `idle` tells.
        parameters: the network's other arguments, or their shapes.
        axes: the spatial ones.

    Raises:
        InputError: no unit of the output is free of the edges at any size.

    Source: Richter, Shenk, Byttner, Wiedemann and Krumnack, 2021, arXiv:2106.12307.

    >>> from genjax.receptive_field import useful_range
    >>> from genjax.nn import max_pool
    >>> def network(x):
    ...     for _ in range(3):
    ...         x = max_pool(x, (2, 2))
    ...     return x
    >>> useful_range(network, (1, 64, 64, 1))
    Range(smallest=8, largest=8, idle=())
    """
    check_images("useful_range", shape, axes)
    network, parameters = as_function("useful_range", network, shape, parameters)
    wide = _sizes(network, shape, parameters, axes, narrow=False)
    narrow = _sizes(network, shape, parameters, axes, narrow=True)
    adding = [(where, after) for where, before, after in narrow if after > before]
    extent = min(shape[axis] for axis in axes)
    idle = (where for where, size in adding if size > extent)
    return Range(
        smallest=max((size for _, size in adding), default=1),
        largest=max(after for _, _, after in wide),
        idle=tuple(dict.fromkeys(idle)),
    )


def _sizes(
    network: Callable[..., Any],
    shape: Sequence[int],
    parameters: Sequence[Any],
    axes: Sequence[int],
    *,
    narrow: bool,
) -> list[tuple[str, int, int]]:
    """The sides of the fields before and after every layer, where all are free."""
    side = max(shape[axis] for axis in axes)
    while side <= LARGEST:
        large = list(shape)
        for axis in axes:
            large[axis] = side
        found: list[tuple[str, int, int]] = []
        lacking: list[str] = []

        def visit(
            step: Step,
            result: Sight,
            found: list[Any] = found,
            lacking: list[str] = lacking,
        ) -> None:
            for axis in axes:
                before, after = _fit(step.sights[0], axis), _fit(result, axis)
                if after is not None:
                    size = 0 if before is None else before.size
                    found.append((step.where, size, after.size))
                elif _is_layer(step) and units_along(result, axis) is not None:
                    lacking.append(step.where)

        analysed(network, large, parameters, visit=visit, narrow=narrow)
        if found and not lacking:
            return found
        side *= 2
    raise InputError(
        "useful_range: there is no convolution, product or pooling whose units are "
        f"free of the edges, up to {LARGEST} pixels."
    )


def _is_layer(step: Step) -> bool:
    return step.name in WINDOWS or step.name.startswith(POOLS)


def _row(step: Step, sight: Sight, axes: Sequence[int]) -> Layer:
    fits = [_fit(sight, axis) for axis in axes]
    module, _, equation = step.where.rpartition("/")
    weights = [
        math.prod(shape)
        for shape, operand in zip(step.shapes, step.sights, strict=True)
        if not any(part.any() for part in operand.seen)
    ]
    return Layer(
        module or equation,
        step.result,
        tuple(None if fit is None else fit.size for fit in fits),
        tuple(None if fit is None else number(fit.stride) for fit in fits),
        sum(weights) if step.name in WINDOWS else 0,
        tuple(sorted({name for axis in axes for name in sight.context[axis]})),
    )


def _fit(sight: Sight, axis: int) -> Fit | None:
    units = units_along(sight, axis)
    return None if units is None else fitted(units)
