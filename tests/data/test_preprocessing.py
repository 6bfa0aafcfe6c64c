import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from sklearn.preprocessing import StandardScaler

from genjax.data import binarize_dynamically, dequantize, fit_standardiser, logit
from genjax.errors import InputError


def test_logit_is_scipys_with_its_log_det():
    x = jax.random.uniform(jax.random.key(0), (6, 3))
    y, log_det = logit(x, margin=0.05)
    np.testing.assert_allclose(y, special.logit(0.05 + 0.9 * x), atol=1e-5)
    slopes = jax.vmap(jax.vmap(jax.grad(lambda v: logit(v[None, None])[0][0, 0])))(x)
    np.testing.assert_allclose(log_det, jnp.log(slopes).sum(1), atol=1e-5)


def test_dequantised_values_stay_in_their_bins_below_one():
    x = jnp.tile(jnp.arange(256)[:, None], (1, 4000))
    y = dequantize(jax.random.key(0), x, levels=256)
    assert bool(np.all((y >= x / 256) & (y < (x + 1) / 256)))


def test_dynamic_binarisation_has_the_right_mean():
    draws = binarize_dynamically(jax.random.key(0), jnp.full(40_000, 0.3))
    assert abs(float(draws.mean()) - 0.3) < 4 * 0.46 / 200


def test_standardisation_is_fitted_on_train_alone():
    train, test = np.random.default_rng(0).normal(3, 2, (2, 50, 4))
    ours = fit_standardiser(train).apply(test)
    np.testing.assert_allclose(
        ours, StandardScaler().fit(train).transform(test), rtol=1e-4, atol=1e-5
    )


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="margin must be in"):
        logit(jnp.zeros((1, 1)), margin=0.5)
    with pytest.raises(InputError, match=r"columns \[1\] are constant"):
        fit_standardiser(np.array([[0.0, 1], [1, 1]]))


def test_a_constant_column_is_seen_through_rounding():
    table = np.full((1000, 2), 0.1, np.float32)
    table[:, 1] = np.arange(1000)
    with pytest.raises(InputError, match=r"the columns \[0\] are constant"):
        fit_standardiser(table)
