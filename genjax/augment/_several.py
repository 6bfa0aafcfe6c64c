"""Transforms that make one image, with its boxes, of several of a batch.

What is left of them is no single picture, so `"scale"` and `"offset"` go.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp

from genjax.augment._boxes import BoxTransform, cut, moved, resampled
from genjax.errors import InputError
from genjax.placement import Placement
from genjax.typing import Array, Batch, Key


def mosaic(
    *, probability: float | Array = 1.0, least_visible: float = 0.4
) -> BoxTransform:
    """Puts four pictures of a batch, half as large, into one image.

    The image's own picture is at the upper left, and those of three others (of fewer in
    smaller batches), which a permutation of the batch chooses, fill the rest. There are
    four times as many boxes. To end it before training does, let
    `genjax.training.scheduled` make the objective with a probability that depends on
    the step.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], "valid": [b, n], ...}`.

    Args:
        probability: of each image, which may be traced; the others keep their picture,
            with padding.
        least_visible: as of `zoom`, of boxes that reach beyond their own picture.

    Raises:
        InputError: a side of the images is odd.

    Source: Bochkovskiy, Wang and Liao, 2020, arXiv:2004.10934.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import mosaic
    >>> box = jnp.tile(jnp.array([2.0, 2.0, 6.0, 6.0]), (4, 1, 1))
    >>> image, valid = jnp.ones((4, 8, 8, 1)), jnp.ones((4, 1), bool)
    >>> batch = {"image": image, "xyxy": box, "valid": valid}
    >>> mosaic()(jax.random.key(0), batch)["xyxy"][0, :2].tolist()
    [[1.0, 1.0, 3.0, 3.0], [5.0, 1.0, 7.0, 3.0]]
    """

    def transform(key: Key, batch: Batch) -> Batch:
        images = batch["image"]
        b, height, width, _ = images.shape
        if height % 2 or width % 2:
            raise InputError(
                f"mosaic: the sides of images must be even, got {height} x {width}."
            )
        key_order, key_draw = jax.random.split(key)
        batch = _without_placement(batch)
        order = jax.random.permutation(key_order, b)
        half = jnp.full((b, 2), 0.5)
        quarters = []
        for place in range(4):
            corner = jnp.array([place % 2 * width / 2, place // 2 * height / 2])
            own = Placement(half, jnp.broadcast_to(corner[None], (b, 2)))
            part = cut(_partners(batch, order, place), least_visible)
            quarters.append(moved(part, resampled(part["image"], own), own))
        joined = _with_boxes_of(quarters)
        several = sum((q["image"] for q in quarters), jnp.zeros_like(images))
        drawn = jax.random.bernoulli(key_draw, probability, (b,))
        return _chosen(drawn, {**joined, "image": several}, batch)

    return transform


def mixup(*, alpha: float = 1.5, probability: float | Array = 1.0) -> BoxTransform:
    """Lays two pictures of a batch over one another, with the boxes of both.

        image = t image_1 + (1 - t) image_2,   t ~ Beta(alpha, alpha)

    There are twice as many boxes.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], "valid": [b, n], ...}`.

    Args:
        alpha: of the Beta distribution; large ones mix by halves.
        probability: of each image, which may be traced; the others keep their picture.

    Source: Zhang et al., 2019, arXiv:1902.04103.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import mixup
    >>> box = jnp.array([[[2.0, 2.0, 6.0, 6.0]], [[1.0, 1.0, 3.0, 3.0]]])
    >>> image, valid = jnp.ones((2, 8, 8, 1)), jnp.ones((2, 1), bool)
    >>> batch = {"image": image, "xyxy": box, "valid": valid}
    >>> mixup()(jax.random.key(0), batch)["xyxy"].shape
    (2, 2, 4)
    """

    def transform(key: Key, batch: Batch) -> Batch:
        key_order, key_share, key_draw = jax.random.split(key, 3)
        batch, b = _without_placement(batch), len(batch["image"])
        other = _partners(batch, jax.random.permutation(key_order, b), 1)
        share = jax.random.beta(key_share, alpha, alpha, (b, 1, 1, 1))
        share = share.astype(batch["image"].dtype)
        mixed = share * batch["image"] + (1 - share) * other["image"]
        joined = {**_with_boxes_of([batch, other]), "image": mixed}
        drawn = jax.random.bernoulli(key_draw, probability, (b,))
        return _chosen(drawn, joined, batch)

    return transform


def copy_paste(
    *,
    most: int = 3,
    least_visible: float = 0.4,
    probability: float | Array = 1.0,
    largest: float = math.inf,
    margin: float = 0.0,
) -> BoxTransform:
    """Pastes objects of another picture of the batch, as rectangles, at random places.

    Objects that come to lie under them by more than `1 - least_visible` of their area
    are ignored. There are `most` boxes more.

    Batches are `{"image": [b, h, w, c], "xyxy": [b, n, 4], "valid": [b, n], ...}`.

    Args:
        most: objects an image; those that are padding in the other picture are left
            out.
        least_visible: the share of a box's area.
        probability: of each image, which may be traced.
        largest: the root of the area of the largest object that is pasted, in pixels:
            so that small ones are seen more often.
        margin: pixels about an object that are pasted too, more and more faintly.

    Raises:
        InputError: `largest` is not positive, or `margin` negative.

    Source: Kisantal et al., 2019, arXiv:1902.07296; Ghiasi et al., 2021,
    arXiv:2012.07177.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import copy_paste
    >>> box = jnp.array([[[2.0, 2.0, 6.0, 6.0]], [[1.0, 1.0, 3.0, 3.0]]])
    >>> image, valid = jnp.ones((2, 8, 8, 1)), jnp.ones((2, 1), bool)
    >>> batch = {"image": image, "xyxy": box, "valid": valid}
    >>> copy_paste(most=2)(jax.random.key(0), batch)["xyxy"].shape
    (2, 3, 4)
    """
    if not largest > 0 or not margin >= 0:
        raise InputError(
            "copy_paste: largest must be positive, and margin not negative, got "
            f"{largest} and {margin}."
        )

    def transform(key: Key, batch: Batch) -> Batch:
        key_order, key_each, key_draw = jax.random.split(key, 3)
        batch, b = _without_placement(batch), len(batch["image"])
        batch.setdefault("ignore", jnp.zeros_like(batch["valid"]))
        other = _partners(batch, jax.random.permutation(key_order, b), 1)
        keys = jax.random.split(key_each, b)
        paste = partial(
            _paste,
            most=most,
            least_visible=least_visible,
            largest=largest,
            margin=margin,
        )
        pasted = jax.vmap(paste)(keys, batch, other)
        drawn = jax.random.bernoulli(key_draw, probability, (b,))
        return _chosen(drawn, pasted, batch)

    return transform


def _paste(
    key: Key,
    own: Batch,
    other: Batch,
    *,
    most: int,
    least_visible: float,
    largest: float,
    margin: float,
) -> Batch:
    """One image with objects of another."""
    height, width, _ = own["image"].shape
    key_rows, key_places = jax.random.split(key)
    sides = other["xyxy"][:, 2:] - other["xyxy"][:, :2]
    is_small = jnp.prod(sides, axis=-1) <= largest**2
    usable = other["valid"] & ~other["ignore"] & is_small
    # Objects first, in a random order.
    order = jnp.lexsort((jax.random.uniform(key_rows, usable.shape), ~usable))
    corners = jax.random.uniform(key_places, (most, 2))
    image, added = own["image"], []
    covered = jnp.zeros(own["image"].shape[:2], bool)
    y, x = (jnp.arange(n, dtype=jnp.float32) + 0.5 for n in (height, width))
    for place in range(most):
        row = order[place % len(order)]
        is_used = usable[row] & jnp.array(place < len(order))
        box = other["xyxy"][row]
        # The rectangle in whole pixels, and as whole a shift.
        low, high = jnp.floor(box[:2]), jnp.ceil(box[2:])
        room = jnp.array([width, height], jnp.float32) - (high - low)
        shift = jnp.floor(corners[place] * jnp.maximum(room + 1, 1.0)) - low
        placed = box + jnp.tile(shift, 2)
        low, high = low + shift, high + shift
        gaps = [
            jnp.maximum(jnp.maximum(low[axis] - at, at - high[axis]), 0.0)
            for axis, at in enumerate((x, y))
        ]
        gap = jnp.maximum(gaps[0][None], gaps[1][:, None])
        within = (gap == 0) & is_used
        across, down = shift.astype(jnp.int32)
        patch = jnp.roll(other["image"], (down, across), (0, 1))
        if margin:
            # What a roll brings in from the opposite edge is no margin of the object.
            is_there = [
                (at >= moved) & (at < moved + side)
                for at, moved, side in ((x, shift[0], width), (y, shift[1], height))
            ]
            is_there = is_there[0][None] & is_there[1][:, None] & is_used
            share = jnp.where(is_there, jnp.maximum(1 - gap / margin, 0.0), 0.0)
            below, above = image.astype(jnp.float32), patch.astype(jnp.float32)
            mixed = below + share[..., None] * (above - below)
            image = mixed.astype(image.dtype)
        else:
            image = jnp.where(within[..., None], patch, image)
        covered = covered | within
        fields = {k: v[row] for k, v in other.items() if k != "image"}
        added.append({**fields, "xyxy": placed, "valid": is_used})
    share = _share_of(covered, own["xyxy"])
    hidden = own["valid"] & (1 - share < least_visible)
    kept = {**own, "ignore": own["ignore"] | hidden}
    new = {k: jnp.stack([one[k] for one in added]) for k in added[0]}
    joined = {k: jnp.concatenate([kept[k], new[k]]) for k in new}
    return {**joined, "image": image}


def _share_of(covered: Array, xyxy: Array) -> Array:
    """The share of each box that is covered, by the pixels whose centres it holds."""
    y, x = (jnp.arange(n, dtype=jnp.float32) + 0.5 for n in covered.shape)
    columns = (x[None] > xyxy[:, :1]) & (x[None] < xyxy[:, 2:3])
    rows = (y[None] > xyxy[:, 1:2]) & (y[None] < xyxy[:, 3:])
    rows, columns = rows.astype(jnp.float32), columns.astype(jnp.float32)
    hit = jnp.einsum("nh,hw,nw->n", rows, covered.astype(jnp.float32), columns)
    return hit / jnp.maximum(rows.sum(axis=1) * columns.sum(axis=1), 1.0)


def _without_placement(batch: Batch) -> Batch:
    return {k: v for k, v in batch.items() if k not in ("scale", "offset")}


def _partners(batch: Batch, order: Array, place: int) -> Batch:
    """For each image another, that many steps on along one permutation."""
    rows = jnp.roll(order, -place)[jnp.argsort(order)]
    return {name: value[rows] for name, value in batch.items()}


def _with_boxes_of(batches: list[Batch]) -> Batch:
    """All boxes, side by side."""
    names = [name for name in batches[0] if name != "image"]
    return {k: jnp.concatenate([one[k] for one in batches], axis=1) for k in names}


def _chosen(drawn: Array, changed: Batch, batch: Batch) -> Batch:
    """The changed images where it was drawn, else the batch's, with padding."""
    found = {}
    for name, value in changed.items():
        plain = batch.get(name, jnp.zeros_like(batch["valid"]))
        if name != "image":
            more = value.shape[1] - plain.shape[1]
            around = [(0, 0)] * (plain.ndim - 2)
            plain = jnp.pad(plain, [(0, 0), (0, more), *around])
        own = drawn.reshape(-1, *[1] * (value.ndim - 1))
        found[name] = jnp.where(own, value, plain)
    return found
