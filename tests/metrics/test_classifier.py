import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.metrics import classifier_score


def test_the_score_is_the_mean_divergence_from_the_marginal():
    logits = jax.random.normal(jax.random.key(0), (50, 4))
    p = np.asarray(jax.nn.softmax(logits), float)
    marginal = p.mean(axis=0)
    divergence = (p * (np.log(p) - np.log(marginal))).sum(axis=1).mean()
    found = classifier_score(logits)
    np.testing.assert_allclose(found.score, np.exp(divergence), rtol=1e-5)
    np.testing.assert_allclose(
        found.marginal_entropy, -(marginal * np.log(marginal)).sum(), rtol=1e-5
    )


@pytest.mark.parametrize(("classes", "score"), [(1, 1.0), (3, 3.0)])
def test_sure_samples_of_few_classes_have_their_number(classes, score):
    logits = 1e4 * jnp.eye(5)[jnp.arange(30) % classes]
    np.testing.assert_allclose(classifier_score(logits).score, score, rtol=1e-4)
