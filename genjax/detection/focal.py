"""The focal loss of dense detectors."""

import jax
import jax.numpy as jnp

from genjax.typing import Array, Float


def focal_loss(
    logits: Float[Array, "*b"],
    targets: Float[Array, "*b"],
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> Float[Array, "*b"]:
    """The cross-entropy, weighted down where the prediction is already right.

        FL = -alpha_t (1 - p_t)^gamma log p_t

    `p_t` is the probability of the true side, `alpha_t` is `alpha` for targets of 1 and
    `1 - alpha` for those of 0. Powers and logarithms are taken in log-space, so that
    values and gradients are exact at any logit; with `gamma = 0` and `alpha = 1/2` it
    is half the cross-entropy.

    Args:
        logits: of any shape.
        targets: 0 or 1, of the same shape.
        alpha: the weight of positives.
        gamma: the focus.

    Source: Lin et al., 2017, arXiv:1708.02002.

    >>> focal_loss(jnp.array(0.0), jnp.array(1.0)).round(5).item()
    0.04332
    """
    sign = 2 * targets - 1
    log_right = jax.nn.log_sigmoid(sign * logits)
    log_wrong = jax.nn.log_sigmoid(-sign * logits)
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return -weight * jnp.exp(gamma * log_wrong) * log_right
