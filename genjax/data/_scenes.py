"""Synthetic scenes of real glyphs, with their boxes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import InputError
from genjax.typing import Array, Batch, Key

TRIES = 16


def scenes(
    glyphs: np.ndarray,
    labels: np.ndarray,
    *,
    side: int = 64,
    most: int = 5,
    sizes: tuple[float, float] = (12.0, 32.0),
    noise: float = 0.05,
    contrast: tuple[float, float] = (0.5, 1.0),
    whole: bool = False,
) -> Callable[[Key, int], Batch]:
    """Places glyphs of random size and brightness on a noisy ground.

    Each scene has one to `most` glyphs, whose boxes are those of their ink and do not
    overlap; one that finds no room in 16 tries is left out. A glyph without a class is
    clutter: it is drawn, and is no object.

    Args:
        glyphs: `[n, h, w]` in [0, 1].
        labels: `[n]`, their classes; -1 for none.
        side: of the square scenes, in pixels.
        most: glyphs per scene.
        sizes: the least and the greatest height of a glyph, in pixels.
        noise: standard deviation of the ground.
        contrast: the least and the greatest factor of a glyph's values.
        whole: whether the boxes are those of whole glyphs, and not of their ink.

    Returns:
        `(key, n) -> {"image": [n, side, side, 1], "xyxy": [n, most, 4], "label":
        [n, most], "valid": [n, most]}`, pure.

    Raises:
        InputError: a glyph is empty or would not fit into a scene, or the contrast is
            not two ascending numbers from 0 on.

    >>> import jax
    >>> import numpy as np
    >>> from genjax.data import scenes
    >>> draw = scenes(np.ones((1, 4, 4)), np.array([7]), side=32, most=2)
    >>> batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), 3)
    >>> batch["image"].shape, batch["xyxy"].shape
    ((3, 32, 32, 1), (3, 2, 4))
    """
    height, width = np.shape(glyphs)[1:3]
    largest = sizes[1] * max(1.0, width / height)
    if not 0 < sizes[0] <= sizes[1] or largest > side:
        raise InputError(
            f"scenes: sizes must be positive and ascending, and fit into scenes of "
            f"{side}; got {sizes}, so glyphs of {largest:g} pixels."
        )
    if not 0 <= contrast[0] <= contrast[1]:
        raise InputError(
            f"scenes: contrast must be ascending from 0 on, got {contrast}."
        )
    ink = np.asarray(glyphs, np.float32) > np.float32(0.25)
    ink |= whole
    empty = np.flatnonzero(~ink.reshape(len(ink), -1).any(axis=1))
    if len(empty):
        raise InputError(f"scenes: glyph {empty[0]} is empty.")
    boxes = jnp.asarray(_ink_boxes(ink), jnp.float32)
    images, classes = jnp.asarray(glyphs, jnp.float32), jnp.asarray(labels, jnp.int32)

    def one(key: Key) -> Batch:
        key_count, key_glyph, key_place, key_light, key_noise = jax.random.split(key, 5)
        chosen = jax.random.randint(key_glyph, (most,), 0, len(images))
        wanted = jnp.arange(most) < jax.random.randint(key_count, (), 1, most + 1)
        scale, xyxy, free = _place(
            key_place, boxes[chosen], images.shape[1], side, sizes
        )
        drawn = wanted & free
        valid = drawn & (classes[chosen] >= 0)
        light = jax.random.uniform(
            key_light, (most,), minval=contrast[0], maxval=contrast[1]
        )
        origin = xyxy[:, :2] - scale[:, None] * boxes[chosen][:, :2]
        layers = jax.vmap(lambda g, s, o: _render(g, s, o, side))(
            images[chosen], scale, origin
        )
        layers = layers * jnp.where(drawn, light, 0.0)[:, None, None]
        ground = noise * jax.random.normal(key_noise, (side, side))
        return {
            "image": (jnp.max(layers, axis=0) + ground)[..., None],
            "xyxy": jnp.where(valid[:, None], xyxy, 0.0),
            "label": jnp.where(valid, classes[chosen], 0),
            "valid": valid,
        }

    return lambda key, n: jax.vmap(one)(jax.random.split(key, n))


def _ink_boxes(ink: np.ndarray) -> np.ndarray:
    """The tight boxes of the ink, xyxy in glyph pixels."""
    rows, columns = np.asarray(ink.any(axis=2)), np.asarray(ink.any(axis=1))
    height, width = rows.shape[1], columns.shape[1]
    left, top = columns.argmax(axis=1), rows.argmax(axis=1)
    right = width - columns[:, ::-1].argmax(axis=1)
    bottom = height - rows[:, ::-1].argmax(axis=1)
    return np.stack([left, top, right, bottom], axis=1)


def _place(
    key: Key, boxes: Array, height: int, side: int, sizes: tuple[float, float]
) -> tuple[Array, Array, Array]:
    """Scales `[m]`, boxes in the scene `[m, 4]`, and which of them found room."""
    key_size, key_corner = jax.random.split(key)
    log_low, log_high = jnp.log(sizes[0]), jnp.log(sizes[1])
    u = jax.random.uniform(key_size, (len(boxes),))
    scale = jnp.exp(log_low + (log_high - log_low) * u) / height
    extent = (boxes[:, 2:] - boxes[:, :2]) * scale[:, None]
    room = (side - extent)[:, None]
    corners = room * jax.random.uniform(key_corner, (len(boxes), TRIES, 2))

    def put(taken: Array, item: Any) -> tuple[Array, tuple[Array, Array]]:
        index, corners, extent = item
        tries = jnp.concatenate([corners, corners + extent[None]], axis=1)
        low = jnp.maximum(tries[:, None, :2], taken[None, :, :2])
        high = jnp.minimum(tries[:, None, 2:], taken[None, :, 2:])
        clear = ~jnp.any(jnp.all(high > low, axis=2), axis=1)
        box = tries[jnp.argmax(clear)]
        free = jnp.any(clear)
        return taken.at[index].set(jnp.where(free, box, 0.0)), (box, free)

    start = jnp.zeros((len(boxes), 4))
    items = (jnp.arange(len(boxes)), corners, extent)
    _, (xyxy, free) = jax.lax.scan(put, start, items)
    return scale, xyxy, free


def _render(glyph: Array, scale: Array, origin: Array, side: int) -> Array:
    """Draws a glyph `[h, w]`, enlarged, with its upper left corner at `origin`."""
    return jax.image.scale_and_translate(
        glyph,
        (side, side),
        (0, 1),
        jnp.stack([scale, scale]),
        origin[::-1],
        method="linear",
        antialias=False,
    )
