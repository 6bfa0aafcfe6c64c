"""Transforms of images: pure functions of a key, with a draw for every image.

They are differentiable, so that a generator learns through them.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Dtype, Float, Key

Images: TypeAlias = Float[Array, "b h w c"]

Transform: TypeAlias = Callable[[Key, Images], Images]
"""`(key, images [b, h, w, c]) -> images`."""


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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import colour
    >>> x = jnp.zeros((2, 4, 4, 3))
    >>> colour()(jax.random.key(0), x).shape
    (2, 4, 4, 3)
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

    >>> import jax
    >>> from genjax.augment import translation
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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import cutout
    >>> float(cutout(share=1.0)(jax.random.key(0), jnp.ones((1, 4, 4, 1))).min())
    0.0
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


def blur(*, deviation: tuple[float, float] = (0.0, 1.5)) -> Transform:
    """Blurs each image by a Gaussian of its own width, as of objects far away.

        y_i = sum_j w_ij x_j,   w_ij ~ exp(-(i - j)^2 / (2 deviation^2)), sum_j w_ij = 1

    along both axes; pixels beyond the image count for nothing.

    Args:
        deviation: the least and the greatest, in pixels.

    Raises:
        InputError: they are not ascending from 0 on.

    Source: Lindeberg, 1994, doi:10.1080/757582976.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import blur
    >>> x = jnp.zeros((1, 5, 5, 1)).at[:, 2, 2].set(1.0)
    >>> y = blur(deviation=(0.5, 0.5))(jax.random.key(0), x)
    >>> float(y.sum().round(3)), bool(y[0, 2, 2, 0] < 0.7)
    (1.0, True)
    """
    _check_range("blur", deviation)

    def transform(key: Key, images: Array) -> Array:
        low, high = deviation
        drawn = jax.random.uniform(key, (len(images), 1, 1), minval=low, maxval=high)
        spread = 2 * jnp.maximum(drawn, 1e-3) ** 2

        def weights(side: int) -> Array:
            place = jnp.arange(side, dtype=jnp.float32)
            gap = (place[:, None] - place[None])[None]
            return jax.nn.softmax(-(gap**2) / spread, axis=-1)

        down, across = (
            weights(side).astype(images.dtype) for side in images.shape[1:3]
        )
        return jnp.einsum("bij,bjkc,blk->bilc", down, images, across)

    return transform


def noise(*, deviation: tuple[float, float] = (0.0, 0.1)) -> Transform:
    """Adds normal noise, as of a dark scene, to each image of its own strength.

    Args:
        deviation: the least and the greatest.

    Raises:
        InputError: they are not ascending from 0 on.

    Source: Hendrycks and Dietterich, 2019, arXiv:1903.12261.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import noise
    >>> noise(deviation=(1.0, 1.0))(jax.random.key(0), jnp.zeros((2, 4, 4, 1))).shape
    (2, 4, 4, 1)
    """
    _check_range("noise", deviation)

    def transform(key: Key, images: Array) -> Array:
        (low, high), (key_strength, key_noise) = deviation, jax.random.split(key)
        shape = (len(images), 1, 1, 1)
        strength = jax.random.uniform(key_strength, shape, minval=low, maxval=high)
        drawn = jax.random.normal(key_noise, images.shape)
        return images + (strength * drawn).astype(images.dtype)

    return transform


def mirror() -> Transform:
    """Mirrors half of the images, left to right.

    Images are `[b, h, w, c]`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import mirror
    >>> x = jnp.array([[[[1.0], [2.0]]]] * 4)
    >>> sorted(set(mirror()(jax.random.key(0), x)[:, 0, 0, 0].tolist()))
    [1.0, 2.0]
    """

    def transform(key: Key, images: Array) -> Array:
        drawn = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
        return jnp.where(drawn, images[:, :, ::-1], images)

    return transform


def quarter_turns() -> Transform:
    """Turns each image by a multiple of 90 degrees; images must be square.

    Images are `[b, h, h, c]`.

    Raises:
        InputError: images are not square.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import quarter_turns
    >>> quarter_turns()(jax.random.key(0), jnp.ones((2, 4, 4, 1))).shape
    (2, 4, 4, 1)
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


def in_turn(*transforms: Transform) -> Transform:
    """Applies transforms one after another, each with a key of its own.

    Args:
        transforms: of images `[b, h, w, c]`.

    Raises:
        InputError: what it is given is no batch of images.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import in_turn, mirror, quarter_turns
    >>> both = in_turn(mirror(), quarter_turns())
    >>> both(jax.random.key(0), jnp.ones((2, 4, 4, 1))).shape
    (2, 4, 4, 1)
    """

    def transform(key: Key, images: Array) -> Array:
        if images.ndim != 4:
            raise InputError(
                f"augment: images must be [b, h, w, c], got {images.shape}."
            )
        keys = jax.random.split(key, max(1, len(transforms)))
        for one, own in zip(transforms, keys, strict=False):
            images = one(own, images)
        return images

    return transform


def with_probability(p: float | Array, transform: Transform) -> Transform:
    """Transforms each image with a probability; the others stay.

    Args:
        p: the probability, which may be traced.
        transform: of images `[b, h, w, c]`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import mirror, with_probability
    >>> images = jnp.arange(2.0).reshape(1, 1, 2, 1)
    >>> with_probability(0.0, mirror())(jax.random.key(0), images).ravel().tolist()
    [0.0, 1.0]
    """

    def maybe(key: Key, images: Array) -> Array:
        key_draw, key_transform = jax.random.split(key)
        drawn = jax.random.bernoulli(key_draw, p, (len(images), 1, 1, 1))
        return jnp.where(drawn, transform(key_transform, images), images)

    return maybe


def _about(centre: Array, factor: Array, x: Array) -> Array:
    return centre + factor * (x - centre)


def _shifts(key: Key, b: int, side: int, share: float, dtype: Dtype) -> Array:
    """Matrices `[b, side, side]` that shift by whole places."""
    most = round(share * side)
    shift = jax.random.randint(key, (b, 1, 1), -most, most + 1)
    to, start = jnp.arange(side)[None, :, None], jnp.arange(side)[None, None, :]
    return (start + shift == to).astype(dtype)


def _check_share(user: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"{user}: share must be in [0, 1], got {share}.")


def _check_range(user: str, deviation: tuple[float, float]) -> None:
    low, high = deviation
    if not 0 <= low <= high:
        raise InputError(
            f"{user}: deviation must be two ascending numbers from 0 on, got "
            f"{deviation}."
        )
