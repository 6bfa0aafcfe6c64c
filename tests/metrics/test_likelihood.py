import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import nade, order_ensemble
from genjax.data import dequantize, logit
from genjax.densities import standard_normal
from genjax.metrics import (
    bits_per_dim,
    completion_log_probs,
    log_probs,
    mean_log_prob,
)
from tests.laws.instances import every_vector, moved


@pytest.mark.parametrize("block", [1, 3, 7, 10, 100])
def test_every_example_counts_once(block):
    x = jax.random.normal(jax.random.key(0), (10, 2))
    model = standard_normal((2,))
    np.testing.assert_allclose(
        log_probs(model, {}, x, block=block), model.log_prob({}, x), rtol=1e-6
    )
    np.testing.assert_allclose(
        mean_log_prob(model, {}, x, block=block),
        model.log_prob({}, x).mean(),
        rtol=1e-5,
    )


def test_uniform_noise_needs_all_the_bits_whatever_the_map():
    """A uniform density has log2(levels) bits per dimension, in logit space too."""
    key_x, key_noise = jax.random.split(jax.random.key(0))
    levels = jax.random.randint(key_x, (2000, 4), 0, 256)
    unit = dequantize(key_noise, levels, levels=256)
    uniform = jnp.zeros(2000)
    np.testing.assert_allclose(bits_per_dim(uniform, dims=4, levels=256), 8.0)
    _, log_det = logit(unit, margin=0.01)
    in_logit_space = uniform - log_det
    bits = bits_per_dim(in_logit_space + log_det, dims=4, levels=256)
    np.testing.assert_allclose(bits, 8.0, atol=1e-5)


@pytest.mark.parametrize(
    "model", [nade(hidden=4), order_ensemble(nade(hidden=4), [(0, 1, 2), (1, 0, 2)])]
)
def test_a_conditional_is_the_joint_over_the_evidence(model):
    key, every = jax.random.key(0), every_vector(3)
    params = moved(model.init(key, every))
    observed = np.array([True, True, False])
    found = completion_log_probs(model, params, key, every, observed)
    joint = np.exp(np.asarray(model.log_prob(params, every)))
    for x, value in zip(every, found, strict=True):
        agrees = np.all(np.asarray(every)[:, :2] == np.asarray(x)[:2], axis=1)
        whole = joint[np.all(np.asarray(every) == np.asarray(x), axis=1)].sum()
        np.testing.assert_allclose(np.exp(value), whole / joint[agrees].sum(), 1e-4)
