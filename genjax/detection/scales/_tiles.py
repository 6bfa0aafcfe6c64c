"""A detector on the tiles of an image that is larger than what it was trained on."""

import jax
import jax.numpy as jnp

from genjax.detection._boxes import Boxes
from genjax.detection.scales._merging import (
    Detector,
    Merge,
    by_fragments,
    joined,
)
from genjax.detection.scales._pyramid import placement_in
from genjax.errors import InputError
from genjax.placement import fitting_sides
from genjax.typing import Array, Variables


def tiled(
    detector: Detector,
    *,
    tile: tuple[int, int],
    overlap: int,
    with_whole: bool = False,
    batch_size: int = 16,
    merge: Merge | None = None,
) -> Detector:
    """A detector that looks at overlapping windows of an image.

    Tiles begin `tile - overlap` pixels apart, the last at the far edge. An object that
    is not larger than the overlap lies whole in some tile; pieces of others are joined.
    It is one program for a size of the image.

    Args:
        detector: `(variables, images [b, h, w, c]) -> boxes [b, n]`.
        tile: height and width of a tile.
        overlap: of neighbouring tiles, in pixels.
        with_whole: also look at the whole image, shrunk to fit into a tile, for objects
            that are larger than the overlap. What it finds wrongly there swallows what
            tiles have found, so it is for pictures that have such objects.
        batch_size: tiles that are looked at together.
        merge: of all that is found; `by_fragments` without it.

    Returns:
        A detector of images `[b, h, w, c]` of any size from a tile on.

    Raises:
        InputError: the overlap is negative or not smaller than the tile, or the image
            is smaller.

    Source: Akyon, Altinuc and Temizel, 2022, arXiv:2202.06934.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import Boxes
    >>> from genjax.detection.scales import tiled
    >>> def middle(variables, image):  # finds an object in the middle of each tile
    ...     one = jnp.ones((len(image), 1))
    ...     xyxy = jnp.array([[[3.0, 3, 5, 5]]]) * one[..., None]
    ...     label = jnp.zeros((len(image), 1), jnp.int32)
    ...     return Boxes(xyxy, label, one > 0, one, one < 0)
    >>> detect = tiled(middle, tile=(8, 8), overlap=4)
    >>> detect({}, jnp.ones((1, 8, 16, 1))).xyxy[0, :, 0].tolist()
    [3.0, 7.0, 11.0]
    """
    if not all(0 <= overlap < side for side in tile):
        raise InputError(
            f"tiled: overlap must be from 0 to below the sides of a tile, {tile}, got "
            f"{overlap}."
        )
    if batch_size < 1:
        raise InputError(f"tiled: batch_size must be at least 1, got {batch_size}.")
    merged = by_fragments() if merge is None else merge

    def detect(variables: Variables, image: Array) -> Boxes:
        height, width = image.shape[1:3]
        if height < tile[0] or width < tile[1]:
            raise InputError(
                f"tiled: images must be at least as large as a tile, {tile}, got "
                f"{height} x {width}."
            )
        corners = [
            (top, left)
            for top in _starts(height, tile[0], overlap)
            for left in _starts(width, tile[1], overlap)
        ]
        tiles = jnp.stack(
            [
                image[:, top : top + tile[0], left : left + tile[1]]
                for top, left in corners
            ],
            axis=1,
        )
        found = _by_batches(detector, variables, tiles, batch_size)
        shift = jnp.array([(x, y, x, y) for y, x in corners], found.xyxy.dtype)
        found = found._replace(xyxy=found.xyxy + shift[None, :, None])
        parts = [jax.tree.map(lambda x: x.reshape(len(x), -1, *x.shape[3:]), found)]
        if with_whole:
            whole = _in_whole(detector, variables, image, tile)
            sides = whole.xyxy[..., 2:] - whole.xyxy[..., :2]
            is_large = jnp.max(sides, axis=-1) > overlap
            parts.append(whole._replace(valid=whole.valid & is_large))
        return merged(joined(parts))

    return detect


def _starts(side: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin: as far apart as the overlap allows, the last at the end."""
    last = side - tile
    return [*range(0, last, tile - overlap), last]


def _by_batches(
    detector: Detector, variables: Variables, tiles: Array, size: int
) -> Boxes:
    """The detections of tiles `[b, t, h, w, c]`, `[b, t, n]`."""
    flat = tiles.reshape(-1, *tiles.shape[2:])
    size = min(size, len(flat))
    filling = -len(flat) % size  # one shape for all batches
    filled = jnp.pad(flat, [(0, filling)] + [(0, 0)] * (flat.ndim - 1))
    batches = filled.reshape(-1, size, *flat.shape[1:])
    found = jax.lax.map(lambda batch: detector(variables, batch), batches)
    return jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:])[: len(flat)].reshape(
            *tiles.shape[:2], *x.shape[2:]
        ),
        found,
    )


def _in_whole(
    detector: Detector, variables: Variables, image: Array, tile: tuple[int, int]
) -> Boxes:
    """What is found in the whole image, small, in the pixels of the image."""
    b, height, width, channels = image.shape
    sides = fitting_sides((height, width), tile)
    small = jax.image.resize(image, (b, *sides, channels), "bilinear")
    rest = [(0, 0), (0, tile[0] - sides[0]), (0, tile[1] - sides[1]), (0, 0)]
    found = detector(variables, jnp.pad(small, rest))
    return found._replace(xyxy=placement_in(image, small).back.of(found.xyxy))
