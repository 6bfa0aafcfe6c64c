"""Object detection: boxes, overlaps, suppression, and heads with static shapes."""

from genjax.detection.boxes import Boxes, area, ground_truth
from genjax.detection.fcos import fcos, fcos_outputs
from genjax.detection.focal import focal_loss
from genjax.detection.iou import giou, iou, pairwise_iou
from genjax.detection.nms import nms
from genjax.detection.objective import detection_objective, detector

__all__ = [
    "Boxes",
    "area",
    "detection_objective",
    "detector",
    "fcos",
    "fcos_outputs",
    "focal_loss",
    "giou",
    "ground_truth",
    "iou",
    "nms",
    "pairwise_iou",
]
