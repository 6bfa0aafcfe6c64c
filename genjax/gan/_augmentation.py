"""Augmentation of all that a discriminator sees, data and fakes alike."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.augment import (
    Transform,
    colour,
    cutout,
    in_turn,
    mirror,
    quarter_turns,
    translation,
    with_probability,
)
from genjax.errors import InputError
from genjax.typing import Array, Key, Memory, PerExample


class Augmentation(NamedTuple):
    """How a game augments what its discriminator sees, with what it remembers.

    Fields:
        apply: `(memory, key, images [b, h, w, c]) -> images`.
        adapt: `(memory, real_logits [b]) -> memory`, after each step of the
            discriminator.
        memory: before the first step: floats by name, `{}` for most.
    """

    apply: Callable[[Memory, Key, Array], Array]
    adapt: Callable[[Memory, PerExample], Memory]
    memory: Memory


def diff_augment(*transforms: Transform) -> Augmentation:
    """Applies every transform to every image: DiffAugment.

    Images are `[b, h, w, c]`.

    Args:
        transforms: one after another; colour, translation and cutout when none is
            named.

    Source: Zhao et al., 2020, arXiv:2006.10738.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import cutout
    >>> from genjax.gan import diff_augment
    >>> augment = diff_augment(cutout(share=1.0))
    >>> float(augment.apply({}, jax.random.key(0), jnp.ones((1, 4, 4, 1))).min())
    0.0
    """
    transform = in_turn(*(transforms or (colour(), translation(), cutout())))

    def apply(memory: Memory, key: Key, images: Array) -> Array:
        del memory
        return transform(key, images)

    return Augmentation(apply, lambda memory, logits: memory, {})


def adaptive_augment(
    *transforms: Transform, target: float = 0.6, step: float = 1e-4
) -> Augmentation:
    """Applies each transform with a probability that follows the overfitting: ADA.

        p <- clip(p + step sign(E sign(l_real) - target), 0, 1)

    `E sign(l_real)` is near 0 where the discriminator cannot tell, and 1 where it knows
    the data by heart. `p` begins at 0 and travels with the discriminator's variables.
    The logits of relativistic losses have a free constant, so that their signs tell
    nothing: it is for the other losses.

    Args:
        transforms: each drawn by itself; flips, quarter turns, translation and colour
            when none is named.
        target: the mean sign of the data's logits that is kept.
        step: by how much p moves per step: the paper's is the batch / 500,000.

    Raises:
        InputError: `target` is outside (-1, 1), or `step` outside [0, 1].

    Source: Karras et al., 2020, arXiv:2006.06676.

    >>> import jax.numpy as jnp
    >>> from genjax.gan import adaptive_augment
    >>> augment = adaptive_augment(step=0.25)
    >>> float(augment.adapt(augment.memory, jnp.ones(8))["probability"])
    0.25
    """
    if not -1 < target < 1:
        raise InputError(f"adaptive_augment: target must be in (-1, 1), got {target}.")
    if not 0 <= step <= 1:
        raise InputError(f"adaptive_augment: step must be in [0, 1], got {step}.")
    chosen = transforms or (mirror(), quarter_turns(), translation(), colour())

    def apply(memory: Memory, key: Key, images: Array) -> Array:
        p = memory["probability"]
        drawn = [with_probability(p, transform) for transform in chosen]
        return in_turn(*drawn)(key, images)

    def adapt(memory: Memory, real_logits: PerExample) -> Memory:
        overfit = jnp.mean(jnp.sign(real_logits))
        p = memory["probability"] + step * jnp.sign(overfit - target)
        return {"probability": jax.lax.stop_gradient(jnp.clip(p, 0.0, 1.0))}

    return Augmentation(apply, adapt, {"probability": jnp.zeros(())})
