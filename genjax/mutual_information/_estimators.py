"""Estimates of mutual information from the scores of a critic.

A critic scores all pairs of a batch: `scores[i, j] = f(x_i, y_j)`. The diagonal holds
pairs of the joint distribution, the rest stands for the product of the marginals. With
`r = p(x, y) / p(x) p(y)` the best critic is `log r`, up to what each estimator says.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Float, Scalar

Scores = Float[Array, "b b"]
Kind = Literal["lower bound", "upper bound", "estimate"]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["value", "surrogate"],
    meta_fields=["kind"],
)
@dataclass(frozen=True)
class Estimate:
    """An estimate in nats, what to maximise for it, and what it promises.

    Attributes:
        value: the estimate.
        surrogate: its gradient trains the critic; often the value itself.
        kind: whether its expectation is a bound of the truth, on which side, or
            neither.
    """

    value: Float[Array, "..."]
    surrogate: Float[Array, "..."]
    kind: Kind


def dv(scores: Scores) -> Estimate:
    """Donsker and Varadhan's representation, on a minibatch.

        I = E_joint f - log E_product e^f

    The supremum over f is the truth, reached at `log r` plus any constant; but the
    logarithm of a minibatch mean is biased, so this is an estimate and no bound.

    Scores are `[b, b]`, entry (i, j) for `x_i` with `y_j`; the estimate is a scalar.

    Source: Donsker and Varadhan, 1983; Belghazi et al., 2018, arXiv:1801.04062.

    >>> import jax.numpy as jnp
    >>> from genjax.mutual_information import dv
    >>> dv(jnp.zeros((4, 4))).value.item()
    0.0
    """
    joint, product = _joint(scores), _log_mean_exp_off_diagonal(scores)
    return _plain(joint - product, "estimate")


def nwj(scores: Scores) -> Estimate:
    """The bound of Nguyen, Wainwright and Jordan, unbiased on a minibatch.

        I >= E_joint f - E_product e^(f - 1)

    Tight at `f = 1 + log r`; at `log r` itself it lacks `1 / e`. Its variance grows
    exponentially with the truth.

    Scores are `[b, b]`, entry (i, j) for `x_i` with `y_j`; the estimate is a scalar.

    Source: Nguyen, Wainwright and Jordan, 2010, arXiv:0809.0853.

    >>> import jax.numpy as jnp
    >>> from genjax.mutual_information import nwj
    >>> nwj(jnp.ones((4, 4))).value.item()
    0.0
    """
    power = _log_mean_exp_off_diagonal(scores) - 1
    # From e^60 on the exponential goes on as its tangent, which is below it and finite.
    over = jnp.maximum(power - 60.0, 0.0)
    product = jnp.exp(jnp.minimum(power, 60.0)) * (1 + over)
    return _plain(_joint(scores) - product, "lower bound")


def infonce(scores: Scores) -> Estimate:
    """The contrastive bound, never above `log b`.

        I >= E_i [f_ii - log 1/b sum_j e^(f_ij)]

    Source: van den Oord, Li and Vinyals, 2018, arXiv:1807.03748.

    >>> import jax.numpy as jnp
    >>> from genjax.mutual_information import infonce
    >>> infonce(1e3 * jnp.eye(8)).value.round(4).item()
    2.0794
    """
    normaliser = jax.nn.logsumexp(scores, axis=1) - math.log(_size(scores))
    return _plain(jnp.mean(jnp.diagonal(scores) - normaliser), "lower bound")


def smile(scores: Scores, *, clip: float = 5.0) -> Estimate:
    """A smoothed estimate: densities are clipped in the partition function.

        I = E_joint f - log E_product clip(e^f, e^-c, e^c)

    The critic is trained by the Jensen-Shannon surrogate, whose best critic is `log r`.
    Less variance than DV, no bound.

    Scores are `[b, b]`, entry (i, j) for `x_i` with `y_j`; the estimate is a scalar.

    Args:
        scores: all pairs.
        clip: the bound c, in nats.

    Raises:
        InputError: `clip` is not positive.

    Source: Song and Ermon, 2020, arXiv:1910.06222.

    >>> import jax.numpy as jnp
    >>> from genjax.mutual_information import smile
    >>> smile(jnp.zeros((4, 4))).value.item()
    0.0
    """
    if clip <= 0:
        raise InputError(f"smile: clip must be positive, got {clip}.")
    clipped = jnp.clip(scores, -clip, clip)
    value = _joint(scores) - _log_mean_exp_off_diagonal(clipped)
    count = _size(scores) * (_size(scores) - 1)
    off_diagonal = jnp.sum(jnp.where(_is_joint(scores), 0.0, jax.nn.softplus(scores)))
    surrogate = -jnp.mean(jax.nn.softplus(-jnp.diagonal(scores))) - off_diagonal / count
    return Estimate(value, surrogate, "estimate")


def _plain(value: Scalar, kind: Kind) -> Estimate:
    return Estimate(value, value, kind)


def _joint(scores: Scores) -> Scalar:
    _size(scores)
    return jnp.mean(jnp.diagonal(scores))


def _is_joint(scores: Scores) -> Array:
    return jnp.eye(len(scores), dtype=bool)


def _log_mean_exp_off_diagonal(scores: Scores) -> Scalar:
    size = _size(scores)
    product = jnp.where(_is_joint(scores), -jnp.inf, scores)
    return jax.nn.logsumexp(product) - math.log(size * (size - 1))


def _size(scores: Scores) -> int:
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise InputError(
            "scores must be those of all pairs of a batch of at least 2, [b, b], got "
            f"{scores.shape}."
        )
    return len(scores)
