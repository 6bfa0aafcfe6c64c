"""Transforms of images with boxes: pure functions of a key and a batch.

A batch is `{"image": [b, h, w, c], "xyxy": [b, n, 4], "label": [b, n], "valid":
[b, n]}`, with `"ignore": [b, n]` where it has regions to ignore. Where `"scale"` and
`"offset"`, `[b, 2]`, say where the pixels of the original pictures lie in its images,
they are kept true.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from genjax.arrays import drawn_boxes
from genjax.augment._transforms import Transform
from genjax.errors import InputError
from genjax.placement import Placement
from genjax.typing import Array, Batch, Key

BoxTransform: TypeAlias = Callable[[Key, Batch], Batch]


def images_alone(transform: Transform) -> BoxTransform:
    """Transforms the images of a batch, whose boxes stay: for colours and noise.

    Args:
        transform: of images `[b, h, w, c]`, which moves nothing.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import colour, images_alone
    >>> batch = {"image": jnp.zeros((1, 4, 4, 3)), "xyxy": jnp.ones((1, 1, 4))}
    >>> sorted(images_alone(colour())(jax.random.key(0), batch))
    ['image', 'xyxy']
    """
    return lambda key, batch: {**batch, "image": transform(key, batch["image"])}


def flip(*, horizontal: float = 0.5, vertical: float = 0.0) -> BoxTransform:
    """Mirrors images with their boxes, each by its own draws.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], ...}`.

    Args:
        horizontal: the probability of left and right changing places.
        vertical: that of top and bottom.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import flip
    >>> image, box = jnp.ones((1, 4, 8, 1)), jnp.array([[[1.0, 0.0, 3.0, 2.0]]])
    >>> batch = {"image": image, "xyxy": box, "valid": jnp.ones((1, 1), bool)}
    >>> flip(horizontal=1.0)(jax.random.key(0), batch)["xyxy"].tolist()
    [[[5.0, 0.0, 7.0, 2.0]]]
    """

    def transform(key: Key, batch: Batch) -> Batch:
        images = batch["image"]
        b, height, width, _ = images.shape
        chances = jnp.array([horizontal, vertical])[None]
        turned = jax.random.bernoulli(key, chances, (b, 2))
        for place, axis in ((0, 2), (1, 1)):
            own = turned[:, place, None, None, None]
            images = jnp.where(own, jnp.flip(images, axis), images)
        sides = jnp.array([width, height], jnp.float32)[None]
        placement = Placement(
            jnp.where(turned, -1.0, 1.0), jnp.where(turned, sides, 0.0)
        )
        return moved(batch, images, placement)

    return transform


def zoom(
    *,
    scale: tuple[float, float] = (0.8, 1.25),
    stretch: float = 1.0,
    least_visible: float = 0.4,
    probability: float = 1.0,
) -> BoxTransform:
    """Enlarges or shrinks each image about a random place, and cuts or fills it.

    Scales are uniform in their logarithm. A box of which less than `least_visible` of
    the area is left is ignored, neither object nor background; one of which nothing is
    left disappears. What the picture does not reach is zero.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], "valid": [b, n], ...}`.

    Args:
        scale: the least and the greatest.
        stretch: the most by which width changes against height, at least 1.
        least_visible: the share of a box's area.
        probability: of each image being changed.

    Raises:
        InputError: scales are not positive and ascending, or `stretch` is below 1.

    Source: Liu et al., 2016, arXiv:1512.02325.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import zoom
    >>> image, box = jnp.ones((1, 8, 8, 1)), jnp.array([[[1.0, 1.0, 3.0, 3.0]]])
    >>> batch = {"image": image, "xyxy": box, "valid": jnp.ones((1, 1), bool)}
    >>> half = zoom(scale=(0.5, 0.5))(jax.random.key(0), batch)
    >>> float(half["image"].sum())
    16.0
    """
    if not 0 < scale[0] <= scale[1] or stretch < 1:
        raise InputError(
            "zoom: scale must be positive and ascending and stretch at least 1, got "
            f"{scale} and {stretch}."
        )

    def transform(key: Key, batch: Batch) -> Batch:
        images = batch["image"]
        b, height, width, _ = images.shape
        key_scale, key_stretch, key_place, key_draw = jax.random.split(key, 4)
        low, high = jnp.log(scale[0]), jnp.log(scale[1])
        both = jax.random.uniform(key_scale, (b, 1), minval=low, maxval=high)
        half = jnp.log(stretch) / 2
        apart = jax.random.uniform(key_stretch, (b, 1), minval=-half, maxval=half)
        drawn = jax.random.bernoulli(key_draw, probability, (b, 1))
        scales = jnp.exp(jnp.concatenate([both + apart, both - apart], axis=1))
        scales = jnp.where(drawn, scales, 1.0)
        sides = jnp.array([width, height], jnp.float32)[None]
        # Anywhere from the picture's beginning at the image's to their ends together.
        offset = jax.random.uniform(key_place, (b, 2)) * sides * (1 - scales)
        placement = Placement(scales, offset)
        placed = moved(batch, resampled(images, placement), placement)
        return cut(placed, least_visible)

    return transform


def zoom_to_size(
    sizes: Callable[[Key, tuple[int, ...]], Array],
    *,
    scale: tuple[float, float] = (0.25, 4.0),
    least_visible: float = 0.4,
) -> BoxTransform:
    """Enlarges or shrinks each image so that one of its objects has a size as drawn.

    The object is drawn, and the image is placed as in `zoom`, but with the object in
    it where that fits. So many small objects are learnt as their law says, whatever the
    pictures show. Images without an object stay as they are.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], "valid": [b, n], ...}`.

    Args:
        sizes: draws them: `(key, shape) -> roots of areas`, in pixels.
        scale: the least and the greatest, within which images are changed.
        least_visible: the share of a box's area below which it is ignored.

    Raises:
        InputError: scales are not positive and ascending.

    Source: Tang, Du, He and Liu, 2018, arXiv:1803.07737 (data-anchor-sampling).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import zoom_to_size
    >>> small = zoom_to_size(lambda key, shape: jnp.full(shape, 4.0))
    >>> image, box = jnp.ones((1, 32, 32, 1)), jnp.array([[[8.0, 8.0, 24.0, 24.0]]])
    >>> batch = {"image": image, "xyxy": box, "valid": jnp.ones((1, 1), bool)}
    >>> found = small(jax.random.key(0), batch)["xyxy"]
    >>> (found[0, 0, 2:] - found[0, 0, :2]).round(4).tolist()
    [4.0, 4.0]
    """
    if np.shape(scale) != (2,) or not 0 < scale[0] <= scale[1]:
        raise InputError(
            f"zoom_to_size: scale must be positive and ascending, got {scale}."
        )
    if not callable(sizes):
        raise InputError(
            f"zoom_to_size: sizes must be a function of a key and a shape, got {sizes}."
        )

    def transform(key: Key, batch: Batch) -> Batch:
        images, xyxy = batch["image"], batch["xyxy"]
        b, height, width, _ = images.shape
        key_object, key_size, key_place = jax.random.split(key, 3)
        ignore = batch.get("ignore", jnp.zeros_like(batch["valid"]))
        has_size = jnp.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1)
        usable = batch["valid"] & ~ignore & has_size
        draw = jax.vmap(partial(drawn_boxes, count=1))
        box, some = draw(jax.random.split(key_object, b), xyxy, usable)
        low, high, some = box[:, 0, :2], box[:, 0, 2:], some[:, None]
        size = jnp.sqrt(jnp.prod(high - low, axis=1, keepdims=True))
        wanted = sizes(key_size, (b,))[:, None] / jnp.where(some, size, 1.0)
        factor = jnp.where(some, jnp.clip(wanted, *scale), 1.0)
        sides = jnp.array([width, height], jnp.float32)[None]
        offset = jax.random.uniform(key_place, (b, 2)) * sides * (1 - factor)
        # The object is in the image, or fills it.
        ends = -factor * low, sides - factor * high
        seen = jnp.clip(offset, jnp.minimum(*ends), jnp.maximum(*ends))
        offset = jnp.where(some, seen, 0.0)
        placement = Placement(jnp.broadcast_to(factor, (b, 2)), offset)
        placed = moved(batch, resampled(images, placement), placement)
        return cut(placed, least_visible)

    return transform


def letterbox(size: tuple[int, int], *, centred: bool = False) -> BoxTransform:
    """Brings images to a size, their shape kept, and fills with zeros.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], ...}`; the result says in
    `"scale"` and `"offset"`, `[b, 2]`, where the pixels lie, so that
    `Placement(scale, offset).back.of(xyxy)` is in the pixels that came in.

    Args:
        size: height and width.
        centred: whether the filling is shared by both sides; it is at the lower and
            right ones otherwise.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import letterbox
    >>> image, box = jnp.ones((1, 4, 8, 1)), jnp.array([[[0.0, 0.0, 8.0, 4.0]]])
    >>> found = letterbox((8, 8), centred=True)(
    ...     jax.random.key(0), {"image": image, "xyxy": box}
    ... )
    >>> found["xyxy"].tolist(), found["offset"].tolist()
    ([[[0.0, 2.0, 8.0, 6.0]]], [[0.0, 2.0]])
    """

    def transform(key: Key, batch: Batch) -> Batch:
        del key
        images = batch["image"]
        b, height, width, _ = images.shape
        scale = min(size[0] / height, size[1] / width)
        rest = jnp.array([size[1] - scale * width, size[0] - scale * height])
        offset = rest * (0.5 if centred else 0.0)
        placement = Placement(
            jnp.full((b, 2), scale), jnp.broadcast_to(offset[None], (b, 2))
        )
        known = {"scale": jnp.ones((b, 2)), "offset": jnp.zeros((b, 2)), **batch}
        return moved(known, resampled(images, placement, size), placement)

    return transform


def boxes_in_turn(*transforms: BoxTransform) -> BoxTransform:
    """Applies transforms of batches one after another, each with a key of its own.

    Args:
        transforms: of batches `{"image": [b, h, w, c], "xyxy": [b, n, 4], ...}`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import boxes_in_turn, flip, zoom
    >>> image, box = jnp.ones((1, 8, 8, 1)), jnp.array([[[1.0, 1.0, 3.0, 3.0]]])
    >>> batch = {"image": image, "xyxy": box, "valid": jnp.ones((1, 1), bool)}
    >>> boxes_in_turn(flip(), zoom())(jax.random.key(0), batch)["xyxy"].shape
    (1, 1, 4)
    """

    def transform(key: Key, batch: Batch) -> Batch:
        keys = jax.random.split(key, max(1, len(transforms)))
        for one, own in zip(transforms, keys, strict=False):
            batch = one(own, batch)
        return batch

    return transform


def moved(batch: Batch, images: Array, placement: Placement) -> Batch:
    """The batch with images that are placed anew, and boxes where they lie then."""
    found = {**batch, "image": images, "xyxy": placement.of(batch["xyxy"])}
    if "scale" in batch:
        before = Placement(batch["scale"], batch["offset"])
        found["scale"], found["offset"] = before.then(placement)
    return found


def resampled(
    images: Array, placement: Placement, size: tuple[int, int] | None = None
) -> Array:
    """Images enlarged and moved, zero beyond the pictures; of their size or another."""
    shape = (*(size or images.shape[1:3]), images.shape[3])

    def one(image: Array, own: Placement) -> Array:
        scale, offset = (jnp.asarray(x)[::-1] for x in own)
        return jax.image.scale_and_translate(
            image, shape, (0, 1), scale, offset, method="linear"
        )

    found = jax.vmap(one)(images.astype(jnp.float32), placement)
    if jnp.issubdtype(images.dtype, jnp.integer):
        found = jnp.round(found)
    return found.astype(images.dtype)


def cut(batch: Batch, least_visible: float) -> Batch:
    """The batch with boxes cut to the images, by the rule of `zoom`."""
    height, width = batch["image"].shape[1:3]
    whole, edges = batch["xyxy"], jnp.array([width, height] * 2, jnp.float32)
    xyxy = jnp.clip(whole, 0.0, edges[None, None])
    before, after = (jnp.prod(x[..., 2:] - x[..., :2], axis=-1) for x in (whole, xyxy))
    valid = batch["valid"] & (after > 0)
    hidden = after < least_visible * before
    ignore = batch.get("ignore", jnp.zeros_like(valid)) | hidden
    return {**batch, "xyxy": xyxy, "valid": valid, "ignore": ignore & valid}
