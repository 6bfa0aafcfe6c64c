"""What a finished model is measured by."""

from genjax.metrics.likelihood import (
    bits_per_dim,
    completion_log_probs,
    log_probs,
    mean_log_prob,
)
from genjax.metrics.novelty import (
    area_under_roc,
    likelihood_ratio,
    typicality,
    waic,
)
from genjax.metrics.probes import knn_accuracy, linear_probe
from genjax.metrics.samples import ModeCoverage, energy_distance, mode_coverage

__all__ = [
    "ModeCoverage",
    "area_under_roc",
    "bits_per_dim",
    "completion_log_probs",
    "energy_distance",
    "knn_accuracy",
    "likelihood_ratio",
    "linear_probe",
    "log_probs",
    "mean_log_prob",
    "mode_coverage",
    "typicality",
    "waic",
]
