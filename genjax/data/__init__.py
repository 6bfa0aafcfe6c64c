"""Sources, pipelines and preprocessing: from files to the batches of every step."""

from genjax.data._annotated import Annotated, AnnotatedFiles
from genjax.data._annotation_lists import read_boxes, read_yolo
from genjax.data._annotations import read_coco, read_voc
from genjax.data._columns import (
    Column,
    Columns,
    fit_columns,
    read_frame,
    write_frame,
)
from genjax.data._embedded import digits, faces
from genjax.data._images import ImageFiles, image_files, image_folder
from genjax.data._indices import Share, indices_at
from genjax.data._object_crops import object_crops
from genjax.data._pipeline import (
    Pipeline,
    generated,
    in_memory,
    mapped,
    on_device,
    streamed,
)
from genjax.data._pixels import Fitted, open_image, resize_to_fit
from genjax.data._preprocessing import (
    Standardiser,
    binarize,
    binarize_dynamically,
    dequantize,
    fit_standardiser,
    flatten,
    logit,
    scale_pixels,
)
from genjax.data._scenes import scenes
from genjax.data._source import ArraySource, Source, Splits, split
from genjax.data._tables import read_table
from genjax.data._tfds import load_prepared, prepare

__all__ = [
    "Annotated",
    "AnnotatedFiles",
    "ArraySource",
    "Column",
    "Columns",
    "Fitted",
    "ImageFiles",
    "Pipeline",
    "Share",
    "Source",
    "Splits",
    "Standardiser",
    "binarize",
    "binarize_dynamically",
    "dequantize",
    "digits",
    "faces",
    "fit_columns",
    "fit_standardiser",
    "flatten",
    "generated",
    "image_files",
    "image_folder",
    "in_memory",
    "indices_at",
    "load_prepared",
    "logit",
    "mapped",
    "object_crops",
    "on_device",
    "open_image",
    "prepare",
    "read_boxes",
    "read_coco",
    "read_frame",
    "read_table",
    "read_voc",
    "read_yolo",
    "resize_to_fit",
    "scale_pixels",
    "scenes",
    "split",
    "streamed",
    "write_frame",
]
