import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.metrics import area_under_roc, likelihood_ratio, typicality, waic


def test_the_area_is_that_of_scikit_learn_ties_included():
    inside = jnp.round(jax.random.normal(jax.random.key(0), (200,)), 1)
    outside = jnp.round(0.7 + jax.random.normal(jax.random.key(1), (100,)), 1)
    labels = [0] * 200 + [1] * 100
    wanted = roc_auc_score(labels, jnp.concatenate([inside, outside]))
    assert float(area_under_roc(inside, outside)) == pytest.approx(wanted, abs=1e-6)


def test_typicality_sees_what_a_density_does_not():
    # The mode of a normal in many dimensions is like none of its samples.
    model = standard_normal((100,))
    _, held_out = model.sample({}, jax.random.key(0), 500)
    _, fresh = model.sample({}, jax.random.key(1), 500)
    mode = model.log_prob({}, jnp.zeros((5, 100)))
    assert float(area_under_roc(-fresh, -mode)) == 0.0
    scores = typicality(fresh, held_out), typicality(mode, held_out)
    assert float(area_under_roc(*scores)) == 1.0


def test_waic_needs_an_ensemble():
    with pytest.raises(InputError, match="at least 2 models are needed, got 1"):
        waic(jnp.zeros((1, 3)))


def test_what_is_impossible_is_strangest():
    log_probs = jnp.array([[-1.0, -jnp.inf], [-2.0, -5.0]])
    assert waic(log_probs)[1] == jnp.inf
    both = likelihood_ratio(jnp.array([-jnp.inf]), jnp.array([-jnp.inf]))
    assert both[0] == jnp.inf


def test_scores_of_nan_are_nan_and_infinite_ones_are_ordered():
    scores, unknown = jnp.array([0.0, 1.0]), jnp.array([jnp.nan, 2.0])
    assert np.isnan(area_under_roc(scores, unknown))
    assert np.isnan(area_under_roc(unknown, scores))
    assert float(area_under_roc(scores, jnp.array([jnp.inf, -jnp.inf]))) == 0.5
    assert np.isnan(waic(jnp.array([[jnp.nan], [-1.0]]))).all()
    assert np.isnan(likelihood_ratio(jnp.array([jnp.nan]), jnp.ones(1))).all()
