"""Augmentation of all that a discriminator sees, data and fakes alike.

Transforms are differentiable functions of a key and images, with a draw for every image
of its own, so that the generator learns through them and never shows them itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.steps import mean_over_devices
from genjax.typing import Array, Float, Key, PerExample

Images = Float[Array, "b h w c"]
Transform = Callable[[Key, Images], Images]


class Augmentation(NamedTuple):
    """How a game augments what its discriminator sees, with what it remembers.

    Fields:
        apply: `(memory, key, images [b, h, w, c]) -> images`.
        adapt: `(memory, real_logits [b]) -> memory`, after each step of the
            discriminator.
        memory: before the first step: floats by name, `{}` for most.
    """

    apply: Callable[[Any, Key, Array], Array]
    adapt: Callable[[Any, PerExample], Any]
    memory: Any


def diff_augment(*transforms: Transform) -> Augmentation:
    """Applies every transform to every image: DiffAugment.

    Args:
        transforms: one after another; colour, translation and cutout when none is
            named.

    Source: Zhao et al., 2020, arXiv:2006.10738.

    >>> augment = diff_augment(cutout(share=1.0))
    >>> float(augment.apply({}, jax.random.key(0), jnp.ones((1, 4, 4, 1))).min())
    0.0
    """
    chosen = transforms or (colour(), translation(), cutout())

    def apply(memory: Any, key: Key, images: Array) -> Array:
        del memory
        return _in_turn("diff_augment", chosen, key, images)

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
        step: by how much p moves a step: the paper's is the batch / 500,000.

    Raises:
        InputError: `target` is outside (-1, 1), or `step` outside [0, 1].

    Source: Karras et al., 2020, arXiv:2006.06676.

    >>> augment = adaptive_augment(step=0.25)
    >>> float(augment.adapt(augment.memory, jnp.ones(8))["probability"])
    0.25
    """
    if not -1 < target < 1:
        raise InputError(f"adaptive_augment: target must be in (-1, 1), got {target}.")
    if not 0 <= step <= 1:
        raise InputError(f"adaptive_augment: step must be in [0, 1], got {step}.")
    chosen = transforms or (flip(), quarter_turns(), translation(), colour())

    def apply(memory: Any, key: Key, images: Array) -> Array:
        p = memory["probability"]
        drawn = [_with_probability(p, transform) for transform in chosen]
        return _in_turn("adaptive_augment", drawn, key, images)

    def adapt(memory: Any, real_logits: PerExample) -> Any:
        overfit = mean_over_devices(jnp.mean(jnp.sign(real_logits)))
        p = memory["probability"] + step * jnp.sign(overfit - target)
        return {"probability": jax.lax.stop_gradient(jnp.clip(p, 0.0, 1.0))}

    return Augmentation(apply, adapt, {"probability": jnp.zeros(())})


def colour(
    *, brightness: float = 0.5, saturation: float = 1.0, contrast: float = 0.5
) -> Transform:
    """Moves brightness, then saturation, then contrast, each image by its own amounts.

        x + u_1;   m_c + s (x - m_c);   m + t (x - m)

    `m_c` is the mean over the channels of a pixel, `m` that of the image; `u_1` is
    uniform within the brightness, s and t within 1 plus or minus the other two. On
    grey images saturation does nothing.

    Args:
        brightness: the most that is added; images are in [-1, 1].
        saturation: at most 1.
        contrast: at most 1.

    Source: Zhao et al., 2020, arXiv:2006.10738.
    """

    def transform(key: Key, images: Array) -> Array:
        spread = jnp.array([brightness, saturation, contrast])
        draws = jax.random.uniform(key, (3, len(images)), minval=-1.0)
        moves = (spread[:, None] * draws).astype(images.dtype)
        added, s, t = moves[:, :, None, None, None]
        x = images + added
        x = _about(jnp.mean(x, axis=3, keepdims=True), 1 + s, x)
        return _about(jnp.mean(x, axis=(1, 2, 3), keepdims=True), 1 + t, x)

    return transform


def translation(*, share: float = 0.125) -> Transform:
    """Shifts each image by whole pixels, and fills with zeros.

    Args:
        share: of the side: the most that is shifted, either way, along either axis.

    Raises:
        InputError: `share` is outside [0, 1].

    Source: Zhao et al., 2020, arXiv:2006.10738.

    >>> x = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    >>> translation()(jax.random.key(1), x).shape
    (2, 8, 8, 1)
    """
    _check_share("translation", share)

    def transform(key: Key, images: Array) -> Array:
        key_rows, key_columns = jax.random.split(key)
        b, height, width, _ = images.shape
        rows = _shifts(key_rows, b, height, share, images.dtype)
        columns = _shifts(key_columns, b, width, share, images.dtype)
        # Products with shift matrices, whose gradients need no scatter.
        return jnp.einsum(
            "bij,bjkc,blk->bilc",
            rows,
            images,
            columns,
            precision=jax.lax.Precision.HIGHEST,
        )

    return transform


def cutout(*, share: float = 0.5) -> Transform:
    """Sets a rectangle of each image to zero, its centre anywhere.

    Args:
        share: of the side: the rectangle's, which the border may cut.

    Raises:
        InputError: `share` is outside [0, 1].

    Source: DeVries and Taylor, 2017, arXiv:1708.04552.
    """
    _check_share("cutout", share)

    def transform(key: Key, images: Array) -> Array:
        inside = jnp.ones((), bool)
        for axis, one in zip((1, 2), jax.random.split(key), strict=True):
            side = images.shape[axis]
            length = round(share * side)
            start = jax.random.randint(one, (len(images), 1), 0, side) - length // 2
            place = jnp.arange(side)[None]
            within = (place >= start) & (place < start + length)
            inside = inside & jnp.expand_dims(within, (3 - axis, 3))
        return jnp.where(inside, 0.0, images)

    return transform


def flip() -> Transform:
    """Mirrors half of the images, left to right.

    >>> x = jnp.array([[[[1.0], [2.0]]]] * 4)
    >>> sorted(set(flip()(jax.random.key(0), x)[:, 0, 0, 0].tolist()))
    [1.0, 2.0]
    """

    def transform(key: Key, images: Array) -> Array:
        drawn = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
        return jnp.where(drawn, images[:, :, ::-1], images)

    return transform


def quarter_turns() -> Transform:
    """Turns each image by a multiple of 90 degrees; images must be square.

    Raises:
        InputError: images are not square.
    """

    def transform(key: Key, images: Array) -> Array:
        if images.shape[1] != images.shape[2]:
            raise InputError(
                f"quarter_turns: images must be square, got {images.shape[1:3]}."
            )
        turns = jax.random.randint(key, (len(images), 1, 1, 1), 0, 4)
        turned = [jnp.rot90(images, k, (1, 2)) for k in range(4)]
        return jnp.select([turns == k for k in range(4)], turned)

    return transform


def _in_turn(
    user: str, transforms: Sequence[Transform], key: Key, images: Array
) -> Array:
    if images.ndim != 4:
        raise InputError(f"{user}: images must be [b, h, w, c], got {images.shape}.")
    keys = jax.random.split(key, len(transforms))
    for transform, one in zip(transforms, keys, strict=True):
        images = transform(one, images)
    return images


def _with_probability(p: Array, transform: Transform) -> Transform:
    """Transforms each image with a probability."""

    def maybe(key: Key, images: Array) -> Array:
        key_draw, key_transform = jax.random.split(key)
        drawn = jax.random.bernoulli(key_draw, p, (len(images), 1, 1, 1))
        return jnp.where(drawn, transform(key_transform, images), images)

    return maybe


def _about(centre: Array, factor: Array, x: Array) -> Array:
    return centre + factor * (x - centre)


def _shifts(key: Key, b: int, side: int, share: float, dtype: Any) -> Array:
    """Matrices `[b, side, side]` that shift by whole places."""
    most = round(share * side)
    shift = jax.random.randint(key, (b, 1, 1), -most, most + 1)
    to, start = jnp.arange(side)[None, :, None], jnp.arange(side)[None, None, :]
    return (start + shift == to).astype(dtype)


def _check_share(user: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"{user}: share must be in [0, 1], got {share}.")
