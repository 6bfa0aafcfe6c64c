import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from genjax.errors import InputError
from genjax.smooth import soft_accuracy, soft_counts, soft_f1


def test_hard_predictions_give_scikit_learns_scores():
    rng = np.random.default_rng(0)
    y, p = (rng.random((200, 3)) < [[0.5, 0.2, 0.05]] for _ in range(2))
    counts = soft_counts(jnp.asarray(p, jnp.float32), jnp.asarray(y, jnp.float32))
    np.testing.assert_allclose(
        soft_f1(counts), metrics.f1_score(y, p, average=None), atol=1e-6
    )
    accuracy = [metrics.accuracy_score(y[:, k], p[:, k]) for k in range(3)]
    np.testing.assert_allclose(soft_accuracy(counts), accuracy, atol=1e-6)


def test_counts_add_up_and_scores_do_not():
    p = jax.random.uniform(jax.random.key(0), (40,))
    y = (jax.random.uniform(jax.random.key(1), (40,)) < 0.2).astype(jnp.float32)
    halves = [soft_counts(p[i : i + 20], y[i : i + 20]) for i in (0, 20)]
    together = jax.tree.map(jnp.add, *halves)
    np.testing.assert_allclose(soft_f1(together), soft_f1(soft_counts(p, y)), rtol=1e-5)


def test_empty_classes_have_the_stated_score_and_finite_gradients():
    zeros = jnp.zeros((5, 2))
    counts = soft_counts(zeros, zeros)
    assert soft_f1(counts).tolist() == [0.0, 0.0]
    assert soft_f1(counts, of_empty=1.0).tolist() == [1.0, 1.0]
    gradient = jax.grad(lambda p: soft_f1(soft_counts(p, zeros)).sum())(zeros)
    assert np.all(np.isfinite(gradient))
    for logit in (-20.0, -50.0, -80.0, -1e4):
        gradient = jax.grad(
            lambda x: soft_f1(soft_counts(jax.nn.sigmoid(x), zeros)).sum()
        )(jnp.full((5, 2), logit))
        assert np.all(np.isfinite(gradient)), logit
    assert soft_accuracy(soft_counts(zeros[:0], zeros[:0])).tolist() == [0.0, 0.0]
    with pytest.raises(InputError, match=r"one shape, got \(5, 2\) and \(5,\)"):
        soft_counts(zeros, zeros[:, 0])


def test_half_precision_is_counted_in_float32():
    one = jnp.ones(1, jnp.bfloat16)
    total = sum(soft_counts(one, one).true_positive for _ in range(600))
    assert float(total) == 600
