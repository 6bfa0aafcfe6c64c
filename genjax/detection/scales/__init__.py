"""Scales: transforms of detectors and of their training, for objects of all sizes.

Where the next one goes: from a detector to a detector, as `image_pyramid`, a file
beside `_pyramid`; from an objective to an objective beside `_valid_ranges`; a network
of networks or a head of heads, for detectors that see several scales at once, beside
`_branches` and `_super_resolution`; a matching that looks at the network beside
`_fields`; how what was found at several scales is joined, into `_merging`.
"""

from genjax.detection.scales._branches import by_branch, shared_branches
from genjax.detection.scales._fields import by_field, covering, field_widths
from genjax.detection.scales._merging import (
    Detector,
    Merge,
    by_fragments,
    by_fusion,
    by_suppression,
)
from genjax.detection.scales._pyramid import flip_test, image_pyramid, resized
from genjax.detection.scales._super_resolution import (
    content_loss,
    feature_pairs,
    for_each_image,
    image_pairs,
    with_enlarged,
)
from genjax.detection.scales._tiles import tiled
from genjax.detection.scales._valid_ranges import pyramid_training, with_valid_range

__all__ = [
    "Detector",
    "Merge",
    "by_branch",
    "by_field",
    "by_fragments",
    "by_fusion",
    "by_suppression",
    "content_loss",
    "covering",
    "feature_pairs",
    "field_widths",
    "flip_test",
    "for_each_image",
    "image_pairs",
    "image_pyramid",
    "pyramid_training",
    "resized",
    "shared_branches",
    "tiled",
    "with_enlarged",
    "with_valid_range",
]
