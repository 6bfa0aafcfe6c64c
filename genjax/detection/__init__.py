"""Object detection: boxes, overlaps, suppression, and heads with static shapes."""

from genjax.detection._anchor_matching import (
    AnchorMatching,
    by_overlap,
    compensated,
    pairwise_wasserstein,
)
from genjax.detection._anchors import anchor_sizes, densified, shape_iou
from genjax.detection._boxes import (
    Boxes,
    area,
    around,
    centre_and_size,
    ground_truth,
)
from genjax.detection._cascade import Faces, Limits, mtcnn, mtcnn_variables
from genjax.detection._cascade_training import FaceOverlaps, face_crops, face_objective
from genjax.detection._centernet import (
    centernet,
    centernet_outputs,
)
from genjax.detection._cornernet import cornernet
from genjax.detection._dense import PEAKS, SUPPRESSED, Grid, Selection, Targets
from genjax.detection._detr import detr
from genjax.detection._end_to_end import (
    end_to_end,
    end_to_end_outputs,
)
from genjax.detection._fcos import fcos, fcos_outputs
from genjax.detection._heat import gaussian_radius, is_peak, released_radius
from genjax.detection._iou import (
    ciou,
    diou,
    giou,
    iou,
    pairwise_iou,
    wasserstein_similarity,
)
from genjax.detection._losses import (
    distribution_focal_loss,
    quality_focal_loss,
    varifocal_loss,
)
from genjax.detection._matching import (
    Matching,
    atss,
    by_size,
    hungarian,
    sim_ota,
    task_aligned,
)
from genjax.detection._nms import diou_exceeds, iou_exceeds, nms, share_exceeds
from genjax.detection._objective import detection_objective, detector
from genjax.detection._retina import retina, retina_outputs
from genjax.detection._suppression import (
    Fused,
    fuse_boxes,
    matrix_nms,
    merge_fragments,
    soft_nms_gaussian,
    soft_nms_linear,
)
from genjax.detection._yolo_anchors import yolo_v2, yolo_v3
from genjax.detection._yolo_v1 import yolo_v1

__all__ = [
    "PEAKS",
    "SUPPRESSED",
    "AnchorMatching",
    "Boxes",
    "FaceOverlaps",
    "Faces",
    "Fused",
    "Grid",
    "Limits",
    "Matching",
    "Selection",
    "Targets",
    "anchor_sizes",
    "area",
    "around",
    "atss",
    "by_overlap",
    "by_size",
    "centernet",
    "centernet_outputs",
    "centre_and_size",
    "ciou",
    "compensated",
    "cornernet",
    "densified",
    "detection_objective",
    "detector",
    "detr",
    "diou",
    "diou_exceeds",
    "distribution_focal_loss",
    "end_to_end",
    "end_to_end_outputs",
    "face_crops",
    "face_objective",
    "fcos",
    "fcos_outputs",
    "fuse_boxes",
    "gaussian_radius",
    "giou",
    "ground_truth",
    "hungarian",
    "iou",
    "iou_exceeds",
    "is_peak",
    "matrix_nms",
    "merge_fragments",
    "mtcnn",
    "mtcnn_variables",
    "nms",
    "pairwise_iou",
    "pairwise_wasserstein",
    "quality_focal_loss",
    "released_radius",
    "retina",
    "retina_outputs",
    "shape_iou",
    "share_exceeds",
    "sim_ota",
    "soft_nms_gaussian",
    "soft_nms_linear",
    "task_aligned",
    "varifocal_loss",
    "wasserstein_similarity",
    "yolo_v1",
    "yolo_v2",
    "yolo_v3",
]
