"""How unlike the training data an example is, by the log-densities of models.

Higher is stranger in every score; a threshold is a quantile of the scores of held-out
data. A high density is no proof of belonging: a flow can give other data a higher one
than its own (Nalisnick et al., 2019, arXiv:1810.09136), which typicality sees.
"""

import jax.numpy as jnp

from genjax.arrays import widened
from genjax.errors import InputError
from genjax.typing import Array, Float, PerExample, Scalar


def typicality(log_prob: PerExample, reference: Float[Array, " n"]) -> PerExample:
    """How far a log-density is from those of the model's own data, on either side.

        |log p(x) - mean_i log p(x_i)|

    Args:
        log_prob: of the examples in question, in nats.
        reference: the log-densities of held-out data.

    Source: Nalisnick, Matsukawa, Teh and Lakshminarayanan, 2019, arXiv:1906.02994.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import typicality
    >>> typicality(jnp.array([-3.0, 5.0]), jnp.array([-1.0, -3.0])).tolist()
    [1.0, 7.0]
    """
    return jnp.abs(log_prob - jnp.mean(reference))


def waic(log_probs: Float[Array, "models b"]) -> PerExample:
    """The penalised mean of an ensemble: where models disagree, an example is strange.

        -E_theta log p(x) + Var_theta log p(x)

    What any model holds impossible scores infinity.

    Args:
        log_probs: of models trained on their own, `ensemble` for example.

    Raises:
        InputError: there is a single model.

    Source: Choi, Jang and Alemi, 2018, arXiv:1810.01392.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import waic
    >>> waic(jnp.array([[-1.0], [-3.0]])).tolist()
    [3.0]
    """
    if len(log_probs) < 2:
        raise InputError(f"waic: at least 2 models are needed, got {len(log_probs)}.")
    is_possible = (log_probs != -jnp.inf).all(axis=0)
    finite = jnp.where(is_possible[None], log_probs, 0.0)
    score = jnp.var(finite, axis=0) - jnp.mean(finite, axis=0)
    return jnp.where(is_possible, score, jnp.inf)


def likelihood_ratio(log_prob: PerExample, background: PerExample) -> PerExample:
    """What is left of a density when that of a background model is taken off.

        log p_background(x) - log p(x)

    Args:
        log_prob: of the model, in nats.
        background: of a model of broader or perturbed data, which has learnt what says
            nothing of belonging.

    Source: Ren et al., 2019, arXiv:1906.02845.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import likelihood_ratio
    >>> likelihood_ratio(jnp.array([-2.0]), jnp.array([-5.0])).tolist()
    [-3.0]
    """
    is_possible = log_prob != -jnp.inf
    return jnp.where(is_possible, background - log_prob, jnp.inf)


def area_under_roc(inside: Float[Array, " n"], outside: Float[Array, " m"]) -> Scalar:
    """The chance that an example from outside has the higher score; ties count half.

    It is NaN where a score is, since an order would hide that; infinite scores are
    ordered like any other.

    Args:
        inside: scores of examples that belong.
        outside: scores of examples that do not.

    Source: Hanley and McNeil, 1982.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import area_under_roc
    >>> area_under_roc(jnp.array([0.0, 1.0]), jnp.array([1.0, 2.0])).item()
    0.875
    """
    inside, outside = widened((inside, outside))
    ordered = jnp.sort(inside)
    below = jnp.searchsorted(ordered, outside, side="left")
    up_to = jnp.searchsorted(ordered, outside, side="right")
    known = ~(jnp.isnan(inside).any() | jnp.isnan(outside).any())
    area = jnp.mean((below + up_to) / (2 * len(inside)))
    return jnp.where(known, area, jnp.nan)
