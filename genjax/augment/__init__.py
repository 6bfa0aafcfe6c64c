"""Augmentation: transforms of images as pure functions of a key.

Each `transform(key, images [b, h, w, c]) -> images` draws anew for every image; those
of images with boxes take and return a batch, as `boxes_in_turn` does.
"""

from genjax.augment._affine import random_affine
from genjax.augment._boxes import (
    BoxTransform,
    boxes_in_turn,
    flip,
    images_alone,
    letterbox,
    zoom,
    zoom_to_size,
)
from genjax.augment._chips import chips
from genjax.augment._several import copy_paste, mixup, mosaic
from genjax.augment._transforms import (
    Transform,
    blur,
    colour,
    cutout,
    in_turn,
    mirror,
    noise,
    quarter_turns,
    translation,
    with_probability,
)

__all__ = [
    "BoxTransform",
    "Transform",
    "blur",
    "boxes_in_turn",
    "chips",
    "colour",
    "copy_paste",
    "cutout",
    "flip",
    "images_alone",
    "in_turn",
    "letterbox",
    "mirror",
    "mixup",
    "mosaic",
    "noise",
    "quarter_turns",
    "random_affine",
    "translation",
    "with_probability",
    "zoom",
    "zoom_to_size",
]
