import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection import (
    distribution_focal_loss,
    quality_focal_loss,
    varifocal_loss,
)

LOGITS = jnp.array([-100.0, -2.0, 0.3, 4.0, 100.0])


def test_losses_of_scores_are_those_of_the_papers():
    x = np.asarray(LOGITS[1:4], float)
    p = 1 / (1 + np.exp(-x))
    for q in (0.0, 0.3, 1.0):
        crossed = -q * np.log(p) - (1 - q) * np.log(1 - p)
        target = jnp.full(3, q)
        found = quality_focal_loss(LOGITS[1:4], target)
        np.testing.assert_allclose(found, np.abs(q - p) ** 2 * crossed, rtol=1e-5)
        weight = q if q > 0 else 0.75 * p**2
        found = varifocal_loss(LOGITS[1:4], target)
        np.testing.assert_allclose(found, weight * crossed, rtol=1e-5)


def test_an_edge_is_learnt_by_its_two_nearest_places():
    logits = jnp.array([0.1, -0.4, 0.8, 0.0])
    log_p = np.log(np.exp(logits) / np.exp(logits).sum())
    found = distribution_focal_loss(logits, jnp.array(1.25))
    np.testing.assert_allclose(found, -0.75 * log_p[1] - 0.25 * log_p[2], rtol=1e-5)
    for place in range(4):
        found = distribution_focal_loss(logits, jnp.array(float(place)))
        np.testing.assert_allclose(found, -log_p[place], rtol=1e-5)
    beyond = distribution_focal_loss(logits, jnp.array(9.0))
    np.testing.assert_allclose(beyond, -log_p[3], rtol=1e-5)


def test_gradients_are_finite_at_the_ends_and_in_half_precision():
    for q in (0.0, 0.5, 1.0):
        for loss in (quality_focal_loss, varifocal_loss):
            for dtype in (jnp.float32, jnp.bfloat16):
                logits = LOGITS.astype(dtype)
                target = jnp.full(5, q, dtype)
                own = jax.grad(lambda x, t=target, f=loss: f(x, t).sum())(logits)
                assert np.all(np.isfinite(own.astype(jnp.float32)))
                assert loss(logits, target).dtype == jnp.float32
    own = jax.grad(distribution_focal_loss)(LOGITS, jnp.array(2.5))
    assert np.all(np.isfinite(own))
