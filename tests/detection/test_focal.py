import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import focal_loss


def test_is_the_definition():
    logits = jnp.linspace(-6.0, 6.0, 25)
    for target in (0.0, 1.0):
        p = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
        right = p if target else 1 - p
        alpha = 0.25 if target else 0.75
        wanted = -alpha * (1 - right) ** 2 * np.log(right)
        found = focal_loss(logits, jnp.full(25, target))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


def test_without_focus_it_is_the_cross_entropy():
    logits = jnp.array([-3.0, 0.5, 2.0])
    found = focal_loss(logits, jnp.ones(3), alpha=0.5, gamma=0.0)
    np.testing.assert_allclose(found, 0.5 * jax.nn.softplus(-logits), rtol=1e-6)


@pytest.mark.parametrize("logit", [-1e4, -50.0, 0.0, 50.0, 1e4])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_values_and_gradients_are_finite_everywhere(logit, target):
    value, gradient = jax.value_and_grad(lambda x: focal_loss(x, jnp.array(target)))(
        jnp.array(logit)
    )
    assert jnp.isfinite(value)
    assert jnp.isfinite(gradient)
    if abs(logit) > 40 and (logit > 0) != bool(target):
        weight = 0.25 if target else 0.75
        np.testing.assert_allclose(abs(gradient), weight, rtol=1e-5)
