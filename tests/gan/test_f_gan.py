import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.gan import (
    f_gan,
    gan_divergence,
    jensen_shannon,
    kullback_leibler,
    pearson,
    reverse_kullback_leibler,
    saturating,
    squared_hellinger,
)

P = np.array([0.5, 0.3, 0.15, 0.05])
Q = np.array([0.1, 0.2, 0.3, 0.4])
LOGITS = jnp.array([-3.0, -0.5, 0.0, 2.0])
CASES = {
    # f, and the logit at which T = f'(p / q)
    "kl": (kullback_leibler(), lambda u: u * np.log(u), lambda u: 1 + np.log(u)),
    "reverse kl": (reverse_kullback_leibler(), lambda u: -np.log(u), np.log),
    "pearson": (pearson(), lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1)),
    "hellinger": (
        squared_hellinger(),
        lambda u: (np.sqrt(u) - 1) ** 2,
        lambda u: np.log(u) / 2,
    ),
    "js": (
        jensen_shannon(),
        lambda u: u * np.log(u) - (1 + u) * np.log((1 + u) / 2),
        np.log,
    ),
    "gan": (
        gan_divergence(),
        lambda u: u * np.log(u) - (1 + u) * np.log(1 + u),
        np.log,
    ),
}


def bound(divergence, logits):
    with jax.enable_x64(True):
        logits = jnp.asarray(logits, jnp.float64)
        real, fake = divergence.output(logits), divergence.conjugate(logits)
        return float(P @ np.asarray(real) - Q @ np.asarray(fake))


@pytest.mark.parametrize("name", CASES)
def test_the_bound_is_tight_at_the_derivative_and_nowhere_else(name):
    divergence, f, best = CASES[name]
    exact = float((Q * f(P / Q)).sum())
    logits = best(P / Q)
    np.testing.assert_allclose(bound(divergence, logits), exact, atol=1e-10)
    for change in np.eye(4):
        for size in (-0.2, 0.2):
            assert bound(divergence, logits + size * change) < exact


@pytest.mark.parametrize("name", CASES)
def test_the_conjugate_is_that_of_f(name):
    """f*(T) = sup_u (u T - f(u)), over a fine grid of u."""
    divergence, f, _ = CASES[name]
    u = np.exp(np.linspace(-12, 12, 200_001))
    for logit in (-1.0, 0.3, 1.0):
        value = float(divergence.output(jnp.array(logit)))
        found = float(divergence.conjugate(jnp.array(logit)))
        np.testing.assert_allclose((u * value - f(u)).max(), found, atol=1e-3)


def test_the_original_gan_is_one_of_them():
    own, original = f_gan(gan_divergence()), saturating()
    for side in ("generator", "discriminator"):
        np.testing.assert_allclose(
            getattr(own, side)(LOGITS, -LOGITS),
            getattr(original, side)(LOGITS, -LOGITS),
            rtol=1e-6,
        )


def test_something_else_is_refused():
    with pytest.raises(InputError, match="must be a Divergence such as pearson"):
        inspect.unwrap(f_gan)("kl")  # below the type checks of these tests
