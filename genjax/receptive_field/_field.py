"""The receptive field of a network: size, effective stride and padding."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import NetworkLike
from genjax.checks import check_shape
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.programs import Join, Notes, Sight, dependence, edges, fitted
from genjax.typing import Array

Number: TypeAlias = int | Fraction

LARGEST = 4096
"""The largest side at which a free unit is looked for."""


@dataclass(frozen=True)
class Field:
    """What one unit of an output sees, along each spatial axis.

    Attributes:
        size: pixels from the first to the last, of the unit that sees most.
        stride: pixels between neighbouring units, a fraction after up-sampling.
        padding: pixels by which unit 0 reaches beyond the input's edge.
        is_regular: whether all units begin where stride and padding say.
        context: the reductions through which a unit sees all of an axis:
            normalisation over space, pooling to a vector, attention.
        joins: where paths come together whose centres or strides differ.
        unknown: equations whose operands are taken to be seen whole.
        seen: for each axis, `[units, pixels + 1]`: the pixels that each unit sees, and
            whether it sees the zeros of a padding.
    """

    size: tuple[int, ...]
    stride: tuple[Number, ...]
    padding: tuple[Number, ...]
    is_regular: tuple[bool, ...] = (True, True)
    context: tuple[str, ...] = ()
    joins: tuple[Join, ...] = ()
    unknown: tuple[str, ...] = ()
    seen: tuple[np.ndarray, ...] = field(default=(), repr=False, compare=False)

    def interval(self, unit: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """The first and the last pixel that a unit sees, along each axis.

        Args:
            unit: its place along each axis.

        Returns:
            Both for each axis; 0 and -1 where the unit sees none.

        Raises:
            InputError: there is no such unit.

        >>> from genjax.receptive_field import receptive_field
        >>> pairs = receptive_field(lambda x: x[:, 1:] + x[:, :-1], (1, 9, 9, 1))
        >>> pairs.interval((3, 5))
        ((3, 4), (5, 5))
        """
        check_unit("interval", unit, [len(seen) for seen in self.seen])
        rows = [edges(s[[u]]) for s, u in zip(self.seen, unit, strict=True)]
        return tuple((int(low[0]), int(high[0])) for low, high in rows)


def receptive_field(
    network: Callable[..., Any],
    shape: Sequence[int],
    *parameters: Any,
    axes: Sequence[int] = (1, 2),
    argnum: int = 0,
    whole: bool = False,
) -> Any:
    """The receptive field of any JAX function of an image, from its jaxpr.

        unit u sees up to `size` pixels from floor(u stride - padding) on

    Units that are cut off at the edges, also by paddings inside the network, are not
    looked at: where there is none that sees all it can, the image is too small, and a
    sentence says which size is enough. Nothing is executed.

    Args:
        network: a function from images to one feature map or several, with the same
            axes, or a Flax module.
        shape: of the images, such as `(b, h, w, c)`.
        parameters: the function's other arguments, or their shapes.
        axes: the spatial ones: one for audio, two for images, three for videos.
        argnum: the place of the images among the network's arguments.
        whole: unite what is seen through reductions over all of an axis with the rest;
            they are only named otherwise, in `context`.

    Returns:
        A `Field` for each output.

    Raises:
        InputError: an output has no such axes, sees nothing of the input, or no unit
            is free of the edges.

    Source: Araujo, Norris and Sim, 2019, Computing receptive fields of convolutional
    neural networks.

    >>> from genjax.receptive_field import receptive_field
    >>> from genjax.nn import max_pool
    >>> field = receptive_field(
    ...     lambda x: max_pool(x, (3, 3), strides=(2, 2)), (1, 32, 32, 1)
    ... )
    >>> field.size, field.stride, field.padding
    ((3, 3), (2, 2), (0, 0))
    """
    check_images("receptive_field", shape, axes)
    network, parameters = as_function("receptive_field", network, shape, parameters)
    if not 0 <= argnum <= len(parameters):
        raise InputError(
            f"receptive_field: argnum must be from 0 to {len(parameters)}, the places "
            f"of the arguments, got {argnum}."
        )
    look = _Look(network, tuple(shape), parameters, tuple(axes), argnum, whole)
    sights, outputs, notes = look.at(look.shape)
    leaves, tree = jax.tree.flatten(outputs)
    pairs = zip(sights, leaves, strict=True)
    fields = [look.field(sight, out.shape, notes) for sight, out in pairs]
    return jax.tree.unflatten(tree, fields)


@dataclass(frozen=True)
class _Look:
    """One question about one network."""

    network: Callable[..., Any]
    shape: tuple[int, ...]
    parameters: tuple[Any, ...]
    axes: tuple[int, ...]
    argnum: int
    whole: bool

    def at(self, shape: Sequence[int]) -> tuple[list[Sight], Any, Notes]:
        return analysed(
            self.network, shape, self.parameters, argnum=self.argnum, whole=self.whole
        )

    def field(self, sight: Sight, out: tuple[int, ...], notes: Notes) -> Field:
        seen = [self._along(sight, axis, out) for axis in self.axes]
        fits = []
        for axis, part in zip(self.axes, seen, strict=True):
            fit = fitted(part)
            if fit is None:
                raise InputError(self._too_small(axis, part))
            fits.append(fit)
        return Field(
            size=tuple(fit.size for fit in fits),
            stride=tuple(number(fit.stride) for fit in fits),
            padding=tuple(number(fit.padding) for fit in fits),
            is_regular=tuple(fit.is_regular for fit in fits),
            context=tuple(sorted({n for a in self.axes for n in sight.context[a]})),
            joins=tuple(j for j in notes.joins if j.axis in self.axes),
            unknown=tuple(notes.unknown),
            seen=tuple(seen),
        )

    def _along(self, sight: Sight, axis: int, out: tuple[int, ...]) -> np.ndarray:
        found = units_along(sight, axis)
        if found is None:
            through = ", ".join(sorted(sight.context[axis]))
            why = (
                f"sees axis {axis} of the input through {through} alone"
                if through
                else f"has no axis that follows axis {axis} of the input"
            )
            raise InputError(f"receptive_field: the output {out} {why}.")
        return found

    def _too_small(self, axis: int, seen: np.ndarray) -> str:
        extent = self.shape[axis]
        most = int(seen[:, :-1].sum(axis=1).max())
        enough = self._enough(axis)
        rule = (
            f"{enough} pixels are enough"
            if enough
            else f"no size up to {LARGEST} that it takes is enough: units see an edge"
        )
        return (
            f"receptive_field: no unit is free of the edges along axis {axis} of "
            f"{extent} pixels, of which units see up to {most}: {rule}."
        )

    def _enough(self, axis: int) -> int | None:
        """The smallest size with free units, found by halving."""

        def is_enough(size: int) -> bool:
            shape = list(self.shape)
            for each in self.axes:
                shape[each] = size
            try:
                sights, outputs, _ = self.at(shape)
                pairs = zip(sights, jax.tree.leaves(outputs), strict=True)
                parts = [self._along(sight, axis, out.shape) for sight, out in pairs]
            except InputError:
                return False  # the network takes no such size
            return all(fitted(part) is not None for part in parts)

        low = high = self.shape[axis]
        while not is_enough(high):
            low, high = high, 2 * high
            if high > LARGEST:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_enough(middle) else (middle, high)
        return high


def units_along(sight: Sight, axis: int) -> np.ndarray | None:
    """What the units along an output's axis see of one of the input's.

    Args:
        sight: of the output.
        axis: of the input.

    Returns:
        `[units, pixels + 1]`; None where no axis of the output makes a difference.
    """
    part = sight.seen[axis]
    varying = [a for a in range(part.ndim - 1) if part.shape[a] > 1]
    if not varying:
        return None
    place = axis if axis in varying else varying[0]
    others = tuple(a for a in range(part.ndim - 1) if a != place)
    return np.logical_or.reduce(part, axis=others)


def analysed(
    network: Callable[..., Any],
    shape: Sequence[int],
    parameters: Sequence[Any],
    *,
    argnum: int = 0,
    whole: bool = False,
    **how: Any,
) -> Any:
    """`genjax.programs.dependence` on one of a network's arguments.

    Arrays of real numbers that the network closes over are parameters, whose zeros
    count for nothing.
    """

    def function(x: Array, *others: Any) -> Any:
        return network(*others[:argnum], x, *others[argnum:])

    x = jax.ShapeDtypeStruct(tuple(shape), jnp.float32)
    try:
        return dependence(function, x, *parameters, whole=whole, constants=False, **how)
    except InputError:
        raise
    except (TypeError, ValueError, jax.errors.JAXTypeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"the network cannot be traced at {tuple(shape)}: {type(error).__name__}: "
            f"{first}"
        ) from error


def as_function(
    user: str, network: Any, shape: Sequence[int], parameters: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function of images and of parameters; a module's are never allocated.

    Args:
        user: who asks, for errors.
        network: a function, or what `nn.as_network` takes.
        shape: of the images.
        parameters: of a function.
    """
    if not isinstance(network, NetworkLike):
        return network, parameters
    own = as_network(network, user=user)
    x = jax.ShapeDtypeStruct(tuple(shape), jnp.float32)
    variables = jax.eval_shape(own.init, jax.random.key(0), x)
    return lambda x, variables: own.apply(variables, x), (variables,)


def check_images(user: str, shape: Sequence[int], axes: Sequence[int]) -> None:
    """Refuses what is no shape, and axes that are not there."""
    check_shape(user, shape)
    inside = all(0 <= axis < len(shape) for axis in axes)
    if not inside or not axes or len({*axes}) < len(axes):
        raise InputError(
            f"{user}: axes must be from 0 to {len(shape) - 1}, those of the shape "
            f"{tuple(shape)}, each once, got {tuple(axes)}."
        )


def check_unit(user: str, unit: Sequence[int], extents: Sequence[int]) -> None:
    """Refuses units outside the output."""
    inside = len(unit) == len(extents) and all(
        0 <= place < extent for place, extent in zip(unit, extents, strict=True)
    )
    if not inside:
        raise InputError(
            f"{user}: a unit is a place in the output {tuple(extents)}, got "
            f"{tuple(unit)}."
        )


def number(value: Fraction) -> Number:
    """Fractions, as after up-sampling, stay fractions."""
    return int(value) if value.denominator == 1 else value


def classic(layers: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """The textbook recursion over a chain of layers, from the last to the first.

        r <- s r + (k - s),   S <- s S,   P <- s P + p

    From the first to the last it is `r <- r + (k - 1) S, P <- P + p S, S <- s S`, with
    the same result.

    Args:
        layers: `(kernel, stride, padding)` of each, the first one first; a dilated
            kernel counts `d (k - 1) + 1`.

    Returns:
        Size, effective stride and effective padding.

    Source: Araujo, Norris and Sim, 2019.

    >>> from genjax.receptive_field import classic
    >>> classic([(3, 2, 1), (3, 1, 1)])
    (7, 2, 3)
    """
    size, padding = 1, 0
    for kernel, step, pad in reversed(layers):
        size = step * size + kernel - step
        padding = step * padding + pad
    return size, math.prod(step for _, step, _ in layers), padding


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
