import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from genjax.densities._bernoulli import bernoulli, bernoulli_log_prob, smoothed_logits


def test_log_prob_is_scipys():
    logits = jnp.linspace(-6, 6, 25)
    for x in (0, 1):
        expected = stats.bernoulli.logpmf(
            x, 1 / (1 + np.exp(-np.asarray(logits, float)))
        )
        np.testing.assert_allclose(
            bernoulli_log_prob(logits, jnp.full(25, float(x))), expected, atol=1e-6
        )


def test_tails_are_exact():
    logit, one = jnp.array(-40.0), jnp.array(1.0)
    np.testing.assert_allclose(jax.grad(bernoulli_log_prob)(logit, one), 1.0)
    np.testing.assert_allclose(bernoulli_log_prob(logit, one), -40.0)


def test_init_is_the_smoothed_maximum_likelihood():
    x = jnp.array([[1.0], [1.0], [0.0]])
    np.testing.assert_allclose(jax.nn.sigmoid(smoothed_logits(x)), [3 / 5], rtol=1e-6)
    np.testing.assert_array_equal(
        bernoulli().init(jax.random.key(0), x)["params"]["logits"], smoothed_logits(x)
    )
