import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from genjax.gan import non_saturating, saturating

P = np.array([0.5, 0.3, 0.15, 0.05])
Q = np.array([0.1, 0.2, 0.3, 0.4])


def kl(p, q):
    return float((p * np.log(p / q)).sum())


def js(p, q):
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def test_fixture_of_known_logits():
    real, fake = jnp.array([-5, 1.4, 12.5, 2.7]), jnp.array([10, 4.4, -5.5, 3.6])
    value = non_saturating().generator(real, fake)
    np.testing.assert_allclose(value, 1.38582, atol=1e-5)
    zeros = jnp.zeros(4)
    for loss in (non_saturating(), saturating()):
        np.testing.assert_allclose(
            loss.discriminator(zeros, zeros), np.log(4), rtol=1e-6
        )


def expected_loss(logits, p, q):
    """The discriminator's loss on a discrete space, by its definition."""
    return (p * np.logaddexp(0, -logits)).sum() + (q * np.logaddexp(0, logits)).sum()


def test_the_best_discriminator_is_the_log_ratio_and_its_value_is_that_of_js():
    found = minimize(expected_loss, np.zeros(4), args=(P, Q), tol=1e-12)
    np.testing.assert_allclose(found.x, np.log(P / Q), atol=1e-5)
    np.testing.assert_allclose(-found.fun, 2 * js(P, Q) - np.log(4), atol=1e-10)
    assert -expected_loss(np.zeros(4), P, P) == pytest.approx(-np.log(4), abs=1e-12)


def test_generator_gradients_at_the_best_discriminator_are_those_of_divergences():
    logits = jnp.asarray(np.log(P / Q), jnp.float32)

    def softmax(theta):
        return jax.nn.softmax(theta)

    theta = jnp.asarray(np.log(Q), jnp.float32)
    p = jnp.asarray(P, jnp.float32)

    def divergence(q):
        m = (p + q) / 2
        twice_js = jnp.sum(p * jnp.log(p / m)) + jnp.sum(q * jnp.log(q / m))
        return twice_js, jnp.sum(q * jnp.log(q / p)) - twice_js

    def frozen(loss, theta):
        terms = jax.vmap(lambda logit: loss.generator(logit[None], logit[None]))(logits)
        return jnp.sum(softmax(theta) * terms)

    for loss, part in ((saturating(), 0), (non_saturating(), 1)):
        measured = jax.grad(lambda t, loss=loss: frozen(loss, t))(theta)
        wanted = jax.grad(lambda t, part=part: divergence(softmax(t))[part])(theta)
        np.testing.assert_allclose(measured, wanted, atol=1e-5)


@pytest.mark.parametrize("logit", [-1e4, -40.0, 0.0, 40.0, 1e4])
def test_gradients_are_exact_in_both_tails(logit):
    fake = jnp.array([logit])
    strong = jax.grad(lambda x: non_saturating().generator(x, x))(fake)
    weak = jax.grad(lambda x: saturating().generator(x, x))(fake)
    np.testing.assert_allclose(strong, -jax.nn.sigmoid(-fake), rtol=1e-6)
    np.testing.assert_allclose(weak, -jax.nn.sigmoid(fake), rtol=1e-6)
    assert jnp.isfinite(non_saturating().discriminator(fake, -fake))
