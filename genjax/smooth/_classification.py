"""Soft counts of a classifier, and the scores made of them.

Counts add up over batches and devices, so a macro-F1 does not depend on how the data
were cut; half precision is counted in float32. With predictions of 0 and 1 every score
is the usual one.
"""

from typing import NamedTuple

import jax.numpy as jnp

from genjax.arrays import widened
from genjax.errors import InputError
from genjax.typing import Array, Float


class Counts(NamedTuple):
    """Soft counts, one number per class: those expected under the probabilities.

    Fields:
        true_positive: `sum p y`.
        false_positive: `sum p (1 - y)`.
        false_negative: `sum (1 - p) y`.
        true_negative: `sum (1 - p) (1 - y)`.
    """

    true_positive: Float[Array, "*k"]
    false_positive: Float[Array, "*k"]
    false_negative: Float[Array, "*k"]
    true_negative: Float[Array, "*k"]


def soft_counts(p: Float[Array, "b ..."], y: Float[Array, "b ..."]) -> Counts:
    """Counts a batch, over its leading axis.

    Args:
        p: predicted probabilities.
        y: the truth, 0 or 1.

    Raises:
        InputError: the shapes differ.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import soft_counts
    >>> counts = soft_counts(jnp.array([0.9, 0.2]), jnp.array([1.0, 0.0]))
    >>> [round(float(count), 2) for count in counts]
    [0.9, 0.2, 0.1, 0.8]
    """
    if p.shape != y.shape:
        raise InputError(
            f"soft_counts: p and y must have one shape, got {p.shape} and {y.shape}."
        )
    p, y = widened((p, y))
    pairs = ((p, y), (p, 1 - y), (1 - p, y), (1 - p, 1 - y))
    return Counts(*(jnp.sum(a * b, axis=0) for a, b in pairs))


def soft_accuracy(counts: Counts) -> Float[Array, "*k"]:
    """The expected share of right predictions.

        accuracy = (tp + tn) / (tp + fp + fn + tn)

    It is 0 where nothing was counted. Its gradient in a logit is `p (1 - p)` times a
    sign, which vanishes for confident mistakes: as a loss it stalls.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import Counts, soft_accuracy
    >>> one = jnp.array(1.0)
    >>> soft_accuracy(Counts(one, one, 0 * one, 2 * one)).item()
    0.75
    """
    return _share(
        counts.true_positive + counts.true_negative, sum(counts[1:], counts[0])
    )


def soft_f1(counts: Counts, *, of_empty: float = 0.0) -> Float[Array, "*k"]:
    """The F1 score of expected counts.

        F1 = 2 tp / (2 tp + fp + fn)

    Args:
        counts: of each class.
        of_empty: the score of a class that neither occurs nor is predicted.

    >>> import jax.numpy as jnp
    >>> from genjax.smooth import Counts, soft_f1
    >>> one = jnp.array(1.0)
    >>> soft_f1(Counts(one, one, 0 * one, 2 * one)).round(4).item()
    0.6667
    """
    twice = 2 * counts.true_positive
    whole = twice + counts.false_positive + counts.false_negative
    return _share(twice, whole, of_empty)


def _share(part: Array, whole: Array, of_empty: float = 0.0) -> Array:
    # Below, the square that the division's gradient needs would underflow.
    some = ~(whole <= 1e-12)
    return jnp.where(some, part / jnp.where(some, whole, 1.0), of_empty)
