"""What a finished model is measured by."""

from genjax.metrics.likelihood import bits_per_dim, log_probs, mean_log_prob

__all__ = ["bits_per_dim", "log_probs", "mean_log_prob"]
