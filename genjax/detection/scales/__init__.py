"""Scales: transforms of detectors and of their training, for objects of all sizes."""

from genjax.detection.scales._merging import (
    Merge,
    by_fragments,
    by_fusion,
    by_suppression,
)
from genjax.detection.scales._pyramid import flip_test, image_pyramid, resized
from genjax.detection.scales._tiles import tiled
from genjax.detection.scales._valid_ranges import pyramid_training, with_valid_range

__all__ = [
    "Merge",
    "by_fragments",
    "by_fusion",
    "by_suppression",
    "flip_test",
    "image_pyramid",
    "pyramid_training",
    "resized",
    "tiled",
    "with_valid_range",
]
