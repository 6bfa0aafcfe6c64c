"""Losses of scores and of distributed edges; computed in float32 at least.

Those of overlaps are `1 - iou(a, b)` and its like.
"""

import jax
import jax.numpy as jnp
import optax

from genjax.arrays import as_float
from genjax.detection._dense import Targets
from genjax.typing import Array, Float, Num

Logits = Num[Array, "*b"]
Score = Num[Array, "*b"]
Loss = Float[Array, "*b"]


def entropy(logits: Array, target: Array) -> Array:
    """The binary cross-entropy of logits with targets in [0, 1].

    >>> import jax.numpy as jnp
    >>> from genjax.detection._losses import entropy
    >>> entropy(jnp.zeros(1), jnp.ones(1)).tolist()
    [0.6931472]
    """
    return jax.nn.softplus(logits) - target * logits


def focal(logits: Float[Array, "*b"], target: Float[Array, "*b"]) -> Loss:
    """The focal loss, `alpha` .25 and `gamma` 2.

    Source: Lin et al., 2017, arXiv:1708.02002.
    """
    return optax.losses.sigmoid_focal_loss(logits, target, alpha=0.25, gamma=2.0)


def focal_classification(
    logits: Float[Array, "b p classes"], targets: Targets
) -> Float[Array, ""]:
    """The sum of the focal losses of all places that learn.

    Source: Lin et al., 2017, arXiv:1708.02002.
    """
    classes = logits.shape[-1]
    label = jnp.where(targets.positive, targets.label, classes)
    wrong = focal(logits, jax.nn.one_hot(label, classes))
    return jnp.sum(jnp.where(targets.learnt[..., None], wrong, 0.0))


def quality_focal_loss(logits: Logits, target: Score, *, gamma: float = 2.0) -> Loss:
    """The focal loss for targets between 0 and 1, such as overlaps.

        |target - p|^gamma (-target log p - (1 - target) log(1 - p)),   p = sigmoid

    Args:
        logits: of scores.
        target: in [0, 1]; 0 for the background.
        gamma: at least 1.

    Source: Li et al., 2020, arXiv:2006.04388.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import quality_focal_loss
    >>> quality_focal_loss(jnp.zeros(2), jnp.array([0.5, 1.0])).round(4).tolist()
    [0.0, 0.1733]
    """
    logits, target = as_float(logits), as_float(target)
    gap = jnp.abs(target - jax.nn.sigmoid(logits))
    return gap**gamma * entropy(logits, target)


def varifocal_loss(
    logits: Logits, target: Score, *, alpha: float = 0.75, gamma: float = 2.0
) -> Loss:
    """Objects weigh as much as their target, background is focal.

        q > 0:  q (-q log p - (1 - q) log(1 - p));   q = 0:  -alpha p^gamma log(1 - p)

    Args:
        logits: of scores.
        target: q in [0, 1]; 0 for the background.
        alpha: the weight of the background.
        gamma: at least 1.

    Source: Zhang et al., 2021, arXiv:2008.13367.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import varifocal_loss
    >>> varifocal_loss(jnp.zeros(2), jnp.array([0.0, 1.0])).round(4).tolist()
    [0.13, 0.6931]
    """
    logits, target = as_float(logits), as_float(target)
    absent = alpha * jax.nn.sigmoid(logits) ** gamma
    return jnp.where(target > 0, target, absent) * entropy(logits, target)


def distribution_focal_loss(
    logits: Num[Array, "*b n"], target: Num[Array, "*b"]
) -> Float[Array, "*b"]:
    """The cross-entropy of an edge's distribution with its two nearest whole places.

        -(i + 1 - y) log P(i) - (y - i) log P(i + 1),   i <= y <= i + 1

    Args:
        logits: of the places 0, ... n - 1.
        target: y, the distance of the edge, in places; it is cut to 0 ... n - 1.

    Source: Li et al., 2020, arXiv:2006.04388.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import distribution_focal_loss
    >>> float(distribution_focal_loss(jnp.zeros(4), jnp.array(1.5)).round(4))
    1.3863
    """
    logits, target = as_float(logits), as_float(target)
    last = logits.shape[-1] - 1
    target = jnp.clip(target, 0.0, last)
    weight = jnp.maximum(1 - jnp.abs(target[..., None] - _places(logits)), 0.0)
    return -jnp.sum(weight * jax.nn.log_softmax(logits), axis=-1)


def _places(logits: Array) -> Array:
    places = jnp.arange(logits.shape[-1], dtype=logits.dtype)
    return jnp.broadcast_to(places, logits.shape)
