"""Object detection: boxes, overlaps, suppression, and heads with static shapes."""

from genjax.detection._boxes import Boxes, area, ground_truth
from genjax.detection._fcos import fcos, fcos_outputs
from genjax.detection._iou import giou, iou, pairwise_iou
from genjax.detection._nms import nms
from genjax.detection._objective import detection_objective, detector

__all__ = [
    "Boxes",
    "area",
    "detection_objective",
    "detector",
    "fcos",
    "fcos_outputs",
    "giou",
    "ground_truth",
    "iou",
    "nms",
    "pairwise_iou",
]
