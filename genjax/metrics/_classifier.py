"""What a classifier says of samples."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.metrics._blocks import in_full_precision
from genjax.typing import Array, Float, Scalar


class ClassifierScore(NamedTuple):
    """How surely and how evenly samples fall into the classes of a classifier.

    Fields:
        score: `exp(H(y) - H(y | x))`, from 1 to the number of classes.
        marginal_entropy: `H(y)`, in nats; log 10 = 2.303 for ten even classes.
        conditional_entropy: `H(y | x)`, in nats; 0 where every sample is sure.
    """

    score: Scalar
    marginal_entropy: Scalar
    conditional_entropy: Scalar


@in_full_precision
def classifier_score(logits: Float[Array, "n classes"]) -> ClassifierScore:
    """The score of a classifier's predictions on samples.

        exp(E KL(p(y | x), p(y))),   p(y) = E p(y | x)

    With an Inception network for the classifier it is called the Inception score; with
    any other it is not.

    Args:
        logits: of the samples.

    Source: Salimans et al., 2016, arXiv:1606.03498.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import classifier_score
    >>> found = classifier_score(100 * jnp.eye(4))
    >>> [abs(round(float(value), 3)) for value in found]
    [4.0, 1.386, 0.0]
    """
    log_probs = jax.nn.log_softmax(logits)
    marginal = jax.nn.logsumexp(log_probs, axis=0) - jnp.log(float(len(logits)))
    of_marginal = jnp.sum(jax.scipy.special.entr(jnp.exp(marginal)))
    entropies = jnp.sum(jax.scipy.special.entr(jnp.exp(log_probs)), axis=1)
    conditional = jnp.mean(entropies)
    return ClassifierScore(jnp.exp(of_marginal - conditional), of_marginal, conditional)
