import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.densities import bernoulli, bernoulli_mixture, fit_bernoulli_mixture
from genjax.errors import InputError


def test_one_component_is_the_factorised_bernoulli():
    x = jax.random.bernoulli(jax.random.key(0), 0.3, (50, 4)).astype(jnp.float32)
    fitted = fit_bernoulli_mixture(
        jax.random.key(1), x, components=1, rounds=2, smoothing=1.0
    )
    plain = bernoulli()
    np.testing.assert_allclose(
        bernoulli_mixture(components=1).log_prob(fitted, x),
        plain.log_prob(plain.init(jax.random.key(0), x), x),
        rtol=1e-5,
    )


def test_rounds_never_lower_the_likelihood():
    x = jax.random.bernoulli(jax.random.key(0), 0.5, (64, 5)).astype(jnp.float32)
    x = x.at[:, 1].set(x[:, 0])
    model = bernoulli_mixture(components=3)
    values = [
        model.log_prob(
            fit_bernoulli_mixture(
                jax.random.key(2), x, components=3, rounds=r, smoothing=1e-6
            ),
            x,
        ).mean()
        for r in (1, 2, 4, 8, 16)
    ]
    assert np.all(np.diff(values) > -1e-5)


def test_components_must_be_positive():
    with pytest.raises(InputError, match="at least 1, got 0"):
        bernoulli_mixture(components=0)
