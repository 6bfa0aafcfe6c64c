"""Differentiable surrogates of hard functions; `tau` is their temperature."""

from genjax.smooth._classification import Counts, soft_accuracy, soft_counts, soft_f1
from genjax.smooth._extrema import logsumexp_max, softmax_argmax, softmax_argmax_index
from genjax.smooth._sorting import isotonic, soft_rank, soft_sort
from genjax.smooth._straight_through import straight_through

__all__ = [
    "Counts",
    "isotonic",
    "logsumexp_max",
    "soft_accuracy",
    "soft_counts",
    "soft_f1",
    "soft_rank",
    "soft_sort",
    "softmax_argmax",
    "softmax_argmax_index",
    "straight_through",
]
