import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from genjax.gan import (
    hinge,
    least_squares,
    non_saturating,
    relativistic_average,
    relativistic_paired,
    saturating,
    softmax_gan,
    wasserstein,
)

P = np.array([0.5, 0.3, 0.15, 0.05])
Q = np.array([0.1, 0.2, 0.3, 0.4])


def kl(p, q):
    return float((p * np.log(p / q)).sum())


def js(p, q):
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


REAL, FAKE = jnp.array([-5, 1.4, 12.5, 2.7]), jnp.array([10, 4.4, -5.5, 3.6])


@pytest.mark.parametrize(
    ("loss", "generator", "discriminator"),
    [
        (non_saturating(), 1.38582, None),
        (least_squares(), 17.69625, 41.73375),
        (wasserstein(), -3.125, 0.225),
        (hinge(), -3.125, 6.75),
    ],
)
def test_fixtures_of_known_logits(loss, generator, discriminator):
    np.testing.assert_allclose(loss.generator(REAL, FAKE), generator, atol=1e-5)
    if discriminator is not None:
        value = loss.discriminator(REAL, FAKE)
        np.testing.assert_allclose(value, discriminator, atol=1e-5)


def test_cross_entropies_at_zero_logits():
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
    assert np.isfinite(non_saturating().discriminator(fake, -fake))


def expected(loss, logits, p, q):
    """The discriminator's loss as expectations over a discrete space.

    It is a sum of a mean over the data and a mean over the fakes: each is what a
    change of one side's logits adds.
    """
    zero = jnp.zeros(1)
    base = loss.discriminator(zero, zero)
    of_real = [loss.discriminator(jnp.array([at]), zero) - base for at in logits]
    of_fake = [loss.discriminator(zero, jnp.array([at])) - base for at in logits]
    return float(base + p @ np.array(of_real) + q @ np.array(of_fake))


def test_least_squares_at_its_best_is_pearsons_chi_square():
    """With (a, b, c) = (-1, 1, 0), at D* = (b p + a q) / (p + q)."""
    loss = least_squares(fake=-1.0, real=1.0, wanted=0.0)
    best = (P - Q) / (P + Q)
    lowest = expected(loss, best, P, Q)
    for change in np.eye(4):
        assert expected(loss, best + 0.1 * change, P, Q) > lowest

    # 2 L_G, and its counterpart on the data, which has no gradient in G.
    def side(weights):
        each = [loss.generator(jnp.zeros(1), jnp.array([d])) for d in best]
        return float(2 * (weights * np.array(each)).sum())

    wanted = ((P - Q) ** 2 / (P + Q)).sum()
    np.testing.assert_allclose(side(P) + side(Q), wanted, rtol=1e-5)


def test_the_generator_of_least_squares_wants_its_own_label():
    fake = jnp.array([0.5, 2.0])
    for wanted in (0.0, 1.0, -3.0):
        found = least_squares(wanted=wanted).generator(fake, fake)
        np.testing.assert_allclose(found, 0.5 * jnp.mean((fake - wanted) ** 2))


def test_the_best_hinge_discriminator_tells_the_total_variation():
    best = np.sign(P - Q)
    value = expected(hinge(), best, P, Q)
    np.testing.assert_allclose(value, 2 - np.abs(P - Q).sum(), rtol=1e-6)
    for change in np.eye(4):
        for size in (-0.5, 0.5):
            moved = np.clip(best + size * change, -1, 1)
            assert expected(hinge(), moved, P, Q) >= value - 1e-6


def test_the_best_critic_on_a_line_tells_the_earth_movers_distance():
    """The critic of slope 1 whose sign is that of the difference of the CDFs."""
    gaps = np.cumsum(P - Q)[:-1]
    critic = np.concatenate([[0.0], -np.cumsum(np.sign(gaps))])
    value = -expected(wasserstein(), critic, P, Q)
    np.testing.assert_allclose(value, np.abs(gaps).sum(), rtol=1e-6)


def test_relativistic_losses_see_differences_alone():
    for loss in (relativistic_paired(), relativistic_average()):
        for side in loss:
            moved = side(REAL + 3.0, FAKE + 3.0)
            np.testing.assert_allclose(moved, side(REAL, FAKE), rtol=1e-5)
        np.testing.assert_allclose(
            loss.generator(REAL, FAKE), loss.discriminator(FAKE, REAL), rtol=1e-6
        )
    constant = relativistic_paired().discriminator(jnp.ones(3), jnp.ones(3))
    np.testing.assert_allclose(constant, np.log(2), rtol=1e-6)


def test_the_best_relativistic_discriminator_is_the_log_ratio():
    def loss(logits):
        gaps = logits[:, None] - logits[None]
        return (P[:, None] * Q[None] * np.logaddexp(0, -gaps)).sum()

    found = minimize(loss, np.zeros(4), tol=1e-12).x
    wanted = np.log(P / Q)
    np.testing.assert_allclose(found - found.mean(), wanted - wanted.mean(), atol=1e-5)


def test_a_softmax_over_the_batch_wants_all_mass_on_the_data():
    loss = softmax_gan()
    apart, alike = jnp.full(4, 50.0), jnp.zeros(4)
    np.testing.assert_allclose(loss.discriminator(apart, -apart), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(loss.generator(alike, alike), np.log(8), rtol=1e-6)
    assert loss.generator(apart, -apart) > loss.generator(alike, alike)


def test_the_softmax_is_a_cross_entropy_with_even_targets():
    real, fake = jnp.array([0.3, -1.0]), jnp.array([2.0, 0.1])
    log_shares = jax.nn.log_softmax(jnp.concatenate([real, fake]))
    loss = softmax_gan()
    np.testing.assert_allclose(
        loss.discriminator(real, fake), -log_shares[:2].mean(), rtol=1e-6
    )
    np.testing.assert_allclose(
        loss.generator(real, fake), -log_shares.mean(), rtol=1e-6
    )


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_far_logits_have_finite_losses(logit):
    x = jnp.array([logit])
    losses = (relativistic_paired(), relativistic_average(), softmax_gan(), hinge())
    for loss in losses:
        for side in loss:
            value, slopes = jax.value_and_grad(side, argnums=(0, 1))(x, -x)
            assert np.isfinite(value)
            assert np.all(np.isfinite(slopes))
