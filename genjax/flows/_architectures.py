"""Whole flows of images: Glow, and RealNVP over several scales."""

import itertools
from collections.abc import Callable

from genjax.base import Bijector, NetworkLike
from genjax.errors import InputError
from genjax.flows._compose import chain, invert, repeat, stack
from genjax.flows._coupling import checkerboard_mask, coupling, masked_coupling
from genjax.flows._elementwise import Elementwise
from genjax.flows._image import actnorm, glow_step, multiscale, squeeze
from genjax.flows._permutation import identity, permutation

Conditioner = Callable[[int], NetworkLike]
"""`output channels -> network` from images to images of the same size."""


def glow(
    transform: Elementwise,
    network: Conditioner,
    *,
    event_shape: tuple[int, int, int],
    levels: int,
    steps: int,
) -> Bijector:
    """Glow: at every scale, steps of actnorm, 1x1 convolution and coupling.

    Args:
        transform: of the couplings; `affine()` in the paper, a spline if you like.
        network: makes the conditioner of a coupling, given its output channels.
        event_shape: `(h, w, c)` of an image.
        levels: scales; the sides are halved once a level.
        steps: a level, as one `repeat`.

    Raises:
        InputError: the sides cannot be halved that often.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax, jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, glow
    >>> flow = glow(
    ...     affine(), lambda features: nn.ConvStack(features, (8,)),
    ...     event_shape=(4, 4, 1), levels=2, steps=1,
    ... )
    >>> x = jax.random.normal(jax.random.key(0), (4, 4, 4, 1))
    >>> flow.forward(flow.init(jax.random.key(1), x), x)[0].shape
    (4, 4, 4, 1)
    """
    _check_sides("glow", event_shape, levels)

    def level(index: int) -> Bijector:
        # Half of the channels of each squeezed level go on to the next one.
        channels = event_shape[2] * 2 ** (index + 2)
        half = channels // 2
        conditioner = network(transform.size * half)
        return repeat(glow_step(transform, conditioner, split=half), steps)

    return multiscale(*map(level, range(levels)))


def realnvp(
    transform: Elementwise,
    network: Conditioner,
    *,
    event_shape: tuple[int, int, int],
    levels: int,
    couplings: int = 3,
) -> Bijector:
    """RealNVP: at every scale, checkerboard couplings, a squeeze, channel couplings.

    Half of the channels then go on to the next scale. Activation normalisation stands
    in for batch normalisation, so that examples stay independent.

    Args:
        transform: of the couplings; `affine()` in the paper.
        network: makes the conditioner of a coupling, given its output channels.
        event_shape: `(h, w, c)` of an image.
        levels: scales; the sides are halved once a level.
        couplings: of either kind at a scale, their masks alternating.

    Raises:
        InputError: the sides cannot be halved that often, or there is no coupling.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax, jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, realnvp
    >>> flow = realnvp(
    ...     affine(), lambda features: nn.ConvStack(features, (8,)),
    ...     event_shape=(4, 4, 1), levels=2, couplings=2,
    ... )
    >>> x = jax.random.normal(jax.random.key(0), (4, 4, 4, 1))
    >>> flow.forward(flow.init(jax.random.key(1), x), x)[0].shape
    (4, 4, 4, 1)
    """
    _check_sides("realnvp", event_shape, levels)
    if couplings < 1:
        raise InputError(f"realnvp: couplings must be at least 1, got {couplings}.")

    def by_mask(height: int, width: int, channels: int, *, first: bool) -> Bijector:
        mask = checkerboard_mask(height, width, first=first)
        return masked_coupling(transform, network(transform.size * channels), mask=mask)

    def by_channels(channels: int, *, first: bool) -> Bijector:
        half = channels // 2
        couple = coupling(transform, network(transform.size * half), split=half)
        swap = permutation((*range(half, channels), *range(half)))
        return couple if first else chain(swap, couple, invert(swap))

    def scale(height: int, width: int, channels: int, left: int) -> Bijector:
        turns = [turn % 2 == 0 for turn in range(couplings)]
        fine = [(actnorm(), by_mask(height, width, channels, first=t)) for t in turns]
        coarse = [(actnorm(), by_channels(4 * channels, first=t)) for t in turns]
        inner = scale(height // 2, width // 2, 2 * channels, left - 1) if left else None
        return chain(
            *itertools.chain(*fine),
            squeeze(),
            *itertools.chain(*coarse),
            *([stack(identity(), inner)] if inner else []),
            invert(squeeze()),
        )

    return scale(*event_shape, levels - 1)


def _check_sides(name: str, event_shape: tuple[int, int, int], levels: int) -> None:
    height, width, _ = event_shape
    if levels < 1 or height % 2**levels or width % 2**levels:
        raise InputError(
            f"{name}: {levels} levels need sides that are multiples of "
            f"{2 ** max(levels, 0)}, got {height} x {width}."
        )
