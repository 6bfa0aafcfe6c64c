"""Augmentation: transforms of images as pure functions of a key.

Each `transform(key, images [b, h, w, c]) -> images` draws anew for every image.
"""

from genjax.augment._affine import random_affine
from genjax.augment._transforms import (
    Transform,
    colour,
    cutout,
    in_turn,
    mirror,
    quarter_turns,
    translation,
    with_probability,
)

__all__ = [
    "Transform",
    "colour",
    "cutout",
    "in_turn",
    "mirror",
    "quarter_turns",
    "random_affine",
    "translation",
    "with_probability",
]
