"""Means of the pixels of boxes, as adaptive pooling takes them."""

import jax.numpy as jnp

from genjax.typing import Array, Float, Int


def summed(picture: Array) -> Array:
    """Sums of all pixels above and to the left, `[h + 1, w + 1, c]`.

    Whole numbers, of which differences are right even beyond the largest one.
    """
    sums = picture.astype(jnp.uint32)
    for axis in (0, 1):
        sums = jnp.cumsum(sums, axis=axis, dtype=jnp.uint32)
    return jnp.pad(sums, [(1, 0), (1, 0), (0, 0)])


def resampled(
    sums: Array, box: Int[Array, "n 4"], sides: tuple[int, int]
) -> Float[Array, "n h w c"]:
    """Means of the pixels of a box in `h x w` parts, which may share pixels."""

    def ends(start: Array, stop: Array, parts: int) -> tuple[Array, Array]:
        extent = (stop - start)[:, None]
        place = jnp.arange(parts, dtype=jnp.int32)[None]
        low = place * extent // parts
        high = -(-(place + 1) * extent // parts)
        return start[:, None] + low, start[:, None] + high

    left, right = ends(box[:, 0], box[:, 2], sides[1])
    top, bottom = ends(box[:, 1], box[:, 3], sides[0])

    def at(rows: Array, columns: Array) -> Array:
        return sums[rows[:, :, None], columns[:, None]]

    total = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)
    count = (bottom - top)[:, :, None] * (right - left)[:, None]
    mean = total.astype(jnp.float32) / count.astype(jnp.float32)[..., None]
    return (mean - 127.5) / 128
