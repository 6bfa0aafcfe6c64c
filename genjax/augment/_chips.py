"""Parts of pictures, chosen so that few of them show all objects."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from genjax.augment._boxes import BoxTransform, cut, moved
from genjax.errors import InputError
from genjax.placement import Placement
from genjax.typing import Array, Batch, Bool, Float, Int, Key


def chips(
    *,
    size: tuple[int, int],
    positives: int = 2,
    negatives: int = 1,
    tries: int = 16,
    least_visible: float = 0.4,
) -> BoxTransform:
    """Cuts each image into a few chips, so that a training step sees less background.

    Of windows about each object, `positives` are taken one after the other, each time
    that which holds most objects whole that none before does; where all are held, one
    anywhere. Of `tries` windows anywhere, the `negatives` with the least of any object
    are taken. Boxes are cut by the rule of `zoom`.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], "valid": [b, n], ...}`.

    Args:
        size: height and width of a chip.
        positives: chips of an image that are about objects.
        negatives: chips of an image that are about the background.
        tries: windows that the latter are chosen from.
        least_visible: the share of a box's area.

    Returns:
        A transform to batches of `b (positives + negatives)` images of that size.

    Raises:
        InputError: a size or share makes no sense, there are no chips, fewer `tries`
            than `negatives`, or, where it is used, images smaller than a chip.

    Source: Singh, Najibi and Davis, 2018, arXiv:1805.09300.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import chips
    >>> image, box = jnp.ones((2, 16, 16, 1)), jnp.array([[[9.0, 9.0, 11.0, 11.0]]])
    >>> batch = {"image": image, "xyxy": jnp.tile(box, (2, 1, 1))}
    >>> batch["valid"] = jnp.ones((2, 1), bool)
    >>> found = chips(size=(8, 8), positives=1)(jax.random.key(0), batch)
    >>> found["image"].shape, found["valid"][::2].tolist()
    ((4, 8, 8, 1), [[True], [True]])
    """
    if np.shape(size) != (2,) or min(size) < 1 or not 0 <= least_visible <= 1:
        raise InputError(
            "chips: size must be a positive height and width, and least_visible a "
            f"share, got {size} and {least_visible}."
        )
    if min(positives, negatives) < 0 or positives + negatives < 1 or tries < negatives:
        raise InputError(
            "chips: positives and negatives must not be negative, nor both 0, and "
            f"tries not fewer than negatives, got {positives}, {negatives} and {tries}."
        )

    def transform(key: Key, batch: Batch) -> Batch:
        b, height, width, channels = batch["image"].shape
        if height < size[0] or width < size[1]:
            raise InputError(
                f"chips: images must be at least as large as a chip, {size}, got "
                f"{height} x {width}."
            )
        room = jnp.array([[width - size[1], height - size[0]]], jnp.float32)
        sides = jnp.array([[size[1], size[0]]], jnp.float32)
        ignore = batch.get("ignore", jnp.zeros_like(batch["valid"]))
        find = partial(_corners, room=room, sides=sides, tries=tries)
        corners = jax.vmap(partial(find, positives=positives, negatives=negatives))(
            jax.random.split(key, b), batch["xyxy"], batch["valid"] & ~ignore
        )
        count = corners.shape[1]
        corners = corners.reshape(-1, 2)
        every = {name: jnp.repeat(x, count, axis=0) for name, x in batch.items()}

        def crop(image: Array, corner: Array) -> Array:
            start = (corner[1], corner[0], jnp.zeros((), corner.dtype))
            return jax.lax.dynamic_slice(image, start, (*size, channels))

        images = jax.vmap(crop)(every["image"], corners)
        shift = -corners.astype(jnp.float32)
        placed = moved(every, images, Placement(jnp.ones_like(shift), shift))
        return cut(placed, least_visible)

    return transform


def _corners(
    key: Key,
    xyxy: Float[Array, "n 4"],
    usable: Bool[Array, " n"],
    *,
    room: Float[Array, "1 2"],
    sides: Float[Array, "1 2"],
    tries: int,
    positives: int,
    negatives: int,
) -> Int[Array, "chips 2"]:
    """The upper left corners of the chips of one image."""
    key_near, key_any = jax.random.split(key)
    boxes = jnp.where(usable[:, None], xyxy, 0.0)
    low, high = boxes[:, :2], boxes[:, 2:]
    place = jax.random.uniform(key_near, low.shape)
    # The window holds the object, or the object holds the window.
    ends = jnp.ceil(high - sides), jnp.floor(low)
    first, last = jnp.minimum(*ends), jnp.maximum(*ends)
    near = jnp.clip(first + jnp.floor(place * (last - first + 1)), 0, room)
    inside = jnp.all(near[:, None] <= low[None], axis=-1) & usable[None]
    inside &= jnp.all((near + sides)[:, None] >= high[None], axis=-1)
    anywhere = jax.random.uniform(key_any, (positives + tries, 2))
    anywhere = jnp.floor(anywhere * (room + 1))
    spare, anywhere = anywhere[:positives], anywhere[positives:]
    seen, chosen = ~usable, []
    for other in spare:
        unseen = ~seen
        gain = jnp.sum(inside & unseen[None], axis=1) + unseen.astype(jnp.int32)
        best = jnp.argmax(gain)
        chosen.append(jnp.where(gain[best] > 0, near[best], other))
        seen |= inside[best] | (jnp.arange(len(boxes)) == best)
    overlap = jnp.minimum((anywhere + sides)[:, None], high[None])
    gaps = overlap - jnp.maximum(anywhere[:, None], low[None])
    shown = jnp.sum(jnp.prod(jnp.maximum(gaps, 0.0), axis=-1), axis=1)
    least = jnp.argsort(shown, stable=True)[:negatives]
    corners = jnp.concatenate([*(one[None] for one in chosen), anywhere[least]])
    return corners.astype(jnp.int32)
