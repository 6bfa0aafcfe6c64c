"""What a finished model is measured by."""

from genjax.metrics._classifier import ClassifierScore, classifier_score
from genjax.metrics._coco import (
    coco_by_class,
    coco_results,
    coco_summary,
    coco_update,
    recall_precision,
)
from genjax.metrics._detection import (
    AI_TOD,
    COCO,
    Detections,
    DetectionState,
    EvaluationProtocol,
    GroundTruth,
    areas_between,
    detection_add,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from genjax.metrics._detection_errors import (
    Calibration,
    confusion_matrix,
    detection_calibration,
    detection_errors,
)
from genjax.metrics._floor import WithFloor, with_floor
from genjax.metrics._frechet import (
    frechet_distance,
    gaussian_kernel,
    kernel_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein,
)
from genjax.metrics._likelihood import (
    bits_per_dim,
    completion_log_probs,
    log_probs,
    mean_log_prob,
)
from genjax.metrics._neighbours import (
    PRDC,
    memorization,
    nearest,
    nearest_neighbour_accuracy,
    precision_recall_density_coverage,
)
from genjax.metrics._novelty import (
    area_under_roc,
    likelihood_ratio,
    typicality,
    waic,
)
from genjax.metrics._probes import knn_accuracy, linear_probe
from genjax.metrics._samples import (
    ModeCoverage,
    class_coverage,
    energy_distance,
    mode_coverage,
)
from genjax.metrics._voc import (
    VOC,
    voc_2007_average_precision,
    voc_average_precision,
    voc_update,
)

__all__ = [
    "AI_TOD",
    "COCO",
    "PRDC",
    "VOC",
    "Calibration",
    "ClassifierScore",
    "DetectionState",
    "Detections",
    "EvaluationProtocol",
    "GroundTruth",
    "ModeCoverage",
    "WithFloor",
    "area_under_roc",
    "areas_between",
    "bits_per_dim",
    "class_coverage",
    "classifier_score",
    "coco_by_class",
    "coco_results",
    "coco_summary",
    "coco_update",
    "completion_log_probs",
    "confusion_matrix",
    "detection_add",
    "detection_calibration",
    "detection_errors",
    "detection_state",
    "detections_of_boxes",
    "energy_distance",
    "frechet_distance",
    "gaussian_kernel",
    "ground_truth_of_boxes",
    "kernel_distance",
    "knn_accuracy",
    "likelihood_ratio",
    "linear_probe",
    "log_probs",
    "maximum_mean_discrepancy",
    "mean_log_prob",
    "memorization",
    "mode_coverage",
    "nearest",
    "nearest_neighbour_accuracy",
    "precision_recall_density_coverage",
    "recall_precision",
    "sliced_wasserstein",
    "typicality",
    "voc_2007_average_precision",
    "voc_average_precision",
    "voc_update",
    "waic",
    "with_floor",
]
