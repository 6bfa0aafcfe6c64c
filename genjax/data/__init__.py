"""Sources, pipelines and preprocessing: from files to the batches of every step."""

from genjax.data.annotations import Annotated, read_coco, read_voc
from genjax.data.embedded import digits, faces
from genjax.data.images import image_folder
from genjax.data.indices import indices_at
from genjax.data.pipeline import Pipeline, generated, in_memory, on_device, streamed
from genjax.data.scenes import scenes
from genjax.data.source import ArraySource, Source, Splits, split
from genjax.data.tables import read_table
from genjax.data.tfds import load_prepared, prepare
from genjax.data.toy import (
    checkerboard,
    eight_gaussians,
    gaussian_grid,
    spirals,
    two_moons,
)

__all__ = [
    "Annotated",
    "ArraySource",
    "Pipeline",
    "Source",
    "Splits",
    "checkerboard",
    "digits",
    "eight_gaussians",
    "faces",
    "gaussian_grid",
    "generated",
    "image_folder",
    "in_memory",
    "indices_at",
    "load_prepared",
    "on_device",
    "prepare",
    "read_coco",
    "read_table",
    "read_voc",
    "scenes",
    "spirals",
    "split",
    "streamed",
    "two_moons",
]
