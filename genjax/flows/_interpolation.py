"""Walks from one example to another through the latent space of a flow."""

import jax
import jax.numpy as jnp

from genjax.base import Bijector
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Float, Variables


def interpolate(
    bijector: Bijector,
    variables: Variables,
    first: Event,
    last: Event,
    *,
    n: int,
    condition: Condition = None,
) -> Float[Array, "n b *event"]:
    """Decodes the arcs between the latents of pairs of examples.

        z(t) = sin((1 - t) w) / sin w  f(first) + sin(t w) / sin w  f(last),
        w = the angle between them

    An arc, unlike a chord, keeps the length that latents of a normal have; equal and
    opposite latents, between which there is none, take the chord.

    Args:
        bijector: from data to noise.
        variables: of the bijector.
        first: where the walks begin.
        last: where they end.
        n: places on each walk, both ends among them.
        condition: of the bijector.

    Raises:
        InputError: `n` is below 2.

    Source: Shoemake, 1985; White, 2016, arXiv:1609.04468.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import identity, interpolate
    >>> a, b = jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 2.0]])
    >>> interpolate(identity(), {}, a, b, n=3)[1].round(4).tolist()
    [[1.4142, 1.4142]]
    """
    if n < 2:
        raise InputError(f"interpolate: n must be at least 2, got {n}.")
    start, _ = bijector.forward(variables, first, condition)
    end, _ = bijector.forward(variables, last, condition)
    axes = tuple(range(1, start.ndim))
    lengths = jnp.sum(start**2, axes) * jnp.sum(end**2, axes)
    cosine = jnp.sum(start * end, axes) / jnp.sqrt(jnp.maximum(lengths, 1e-12))
    angle = jnp.arccos(jnp.clip(cosine, -0.9999, 0.9999))

    def share(t: Array) -> Array:
        # Equal or opposite latents have no arc of their own: they take the chord.
        arc = jnp.sin(t * angle) / jnp.sin(angle)
        weights = jnp.where(jnp.abs(cosine) < 0.9999, arc, t)
        return weights.reshape(-1, *[1] * len(axes))

    def place(t: Array) -> Array:
        z = share(1 - t) * start + share(t) * end
        return bijector.inverse(variables, z, condition)[0]

    return jax.lax.map(place, jnp.linspace(0.0, 1.0, n))
