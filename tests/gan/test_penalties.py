import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from genjax.errors import InputError
from genjax.gan import Judged, dragan, gradient_penalty, r1, r2

W = jnp.array([1.0, -2.0, 0.5])
NORM = float(jnp.linalg.norm(W))


def applied(penalty, critic, real, fake, key):
    judged = Judged(critic, real, fake, critic(real), critic(fake))
    return penalty.value(penalty.memory, judged, key)[0]


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize(
    ("penalty", "wanted"),
    [
        (r1(3.0), 1.5 * NORM**2),
        (r2(3.0), 1.5 * NORM**2),
        (gradient_penalty(3.0), 3 * (NORM - 1) ** 2),
        (dragan(3.0), 3 * (NORM - 1) ** 2),
    ],
)
def test_of_a_linear_critic_is_that_of_the_norm_of_its_weights(penalty, wanted, rows):
    x = jax.random.normal(jax.random.key(0), (rows, 3))
    value = applied(penalty, lambda x: x @ W, x, -x, jax.random.key(1))
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


def slopes(x):
    return jnp.sum(x**2, axis=(1, 2, 3)) / 2


def test_data_and_fakes_are_not_exchanged():
    real, fake = jnp.ones((3, 2, 2, 1)), jnp.full((3, 2, 2, 1), 2.0)
    key = jax.random.key(0)
    np.testing.assert_allclose(applied(r1(2.0), slopes, real, fake, key), 4.0)
    np.testing.assert_allclose(applied(r2(2.0), slopes, real, fake, key), 16.0)


def test_each_pair_has_a_share_and_each_example_a_norm_of_its_own():
    seen = []

    def critic(x):
        seen.append(x)
        return slopes(x)

    real, fake = jnp.ones((64, 2, 2, 1)), jnp.zeros((64, 2, 2, 1))
    value = applied(gradient_penalty(1.0), critic, real, fake, jax.random.key(0))
    # ||x|| = 2 e for the share e of the data: the mean is E (2 e - 1)^2 = 1 / 3.
    np.testing.assert_allclose(value, 1 / 3, atol=0.15)


def test_a_flat_critic_has_a_finite_gradient():
    x = jnp.ones((4, 3))

    def value(w):
        return applied(gradient_penalty(1.0), lambda x: x @ w, x, x, jax.random.key(0))

    assert np.all(np.isfinite(jax.grad(value)(jnp.zeros(3))))


def test_is_the_mean_of_single_examples_and_has_a_gradient():
    x = jax.random.normal(jax.random.key(0), (5, 2))

    def penalty(w, x):
        return applied(r1(1.0), lambda x: jnp.tanh(x @ w), x, x, jax.random.key(1))

    w = jnp.array([0.3, -0.7])
    singles = [penalty(w, row[None]) for row in x]
    np.testing.assert_allclose(penalty(w, x), np.mean(singles), rtol=1e-5)
    check_grads(
        lambda w: penalty(w, x), (w,), order=1, modes=["rev"], atol=1e-2, rtol=1e-2
    )


@pytest.mark.parametrize("make", [r1, r2, gradient_penalty, dragan])
def test_a_negative_weight_is_refused(make):
    with pytest.raises(InputError, match=r"must not be negative, got -1"):
        make(-1.0)
