import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax import nn
from genjax.base import Bijector
from genjax.densities import conditional_normal, standard_normal
from genjax.errors import InputError
from genjax.flows import (
    actnorm,
    affine,
    chain,
    density,
    elementwise,
    planar,
    plu,
    radial,
    reverse,
    sigmoid,
)
from tests.laws.instances import tiny_realnvp


def test_an_affine_flow_is_a_normal():
    scale, shift = 2.0, 0.5

    def forward(params, x, condition=None):
        return (x - shift) / scale, jnp.full(len(x), -2 * jnp.log(scale))

    def inverse(params, z, condition=None):
        return z * scale + shift, jnp.full(len(z), 2 * jnp.log(scale))

    flow = Bijector(lambda key, x, condition=None: (), forward, inverse)
    model = density(flow, standard_normal((2,)))
    x = jax.random.normal(jax.random.key(0), (6, 2))
    params = model.init(jax.random.key(1), x)
    np.testing.assert_allclose(
        model.log_prob(params, x), stats.norm.logpdf(x, shift, scale).sum(1), rtol=1e-5
    )


def test_samples_come_with_their_log_prob():
    model = tiny_realnvp(4)
    params = model.init(jax.random.key(0), jnp.zeros((8, 4)))
    x, log_prob = model.sample(params, jax.random.key(1), 100)
    np.testing.assert_allclose(log_prob, model.log_prob(params, x), atol=1e-4)


def test_what_is_not_finite_has_no_density_and_no_gradient():
    model = tiny_realnvp(2)
    x = jnp.array([[0.1, 0.2, 0.3, 0.4], [jnp.nan, 0, 0, 0], [0, jnp.inf, 0, 0]])
    params = model.init(jax.random.key(0), x[:1])
    log_prob = model.log_prob(params, x)
    assert np.isfinite(log_prob).tolist() == [True, False, False]
    assert log_prob[1:].tolist() == [-jnp.inf, -jnp.inf]
    gradient = jax.grad(lambda p: model.log_prob(p, x).sum())(params)
    assert all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


def test_no_finite_number_has_a_density_that_is_not_one():
    model = tiny_realnvp(2)
    x = jnp.array([[3e38, 0, 0, 0], [-1e20, 1, 1, 1.0]])
    params = model.init(jax.random.key(0), jnp.ones((2, 4)))
    assert model.log_prob(params, x).tolist() == [-jnp.inf, -jnp.inf]


def test_a_sample_beyond_the_image_has_no_density():
    model = density(elementwise(sigmoid()), standard_normal((1,)))
    params = model.init(jax.random.key(0), jnp.ones((1, 1)))
    _, log_prob = model.sample(params, jax.random.key(1), 100)
    outside = ~jnp.isfinite(log_prob)
    assert bool(outside.any())
    assert bool((log_prob[outside] == -jnp.inf).all())


def test_a_base_is_conditioned_as_well():
    network = nn.MLP(features=4, hidden=(8,))
    model = density(reverse(), conditional_normal(network))
    x, condition = jnp.ones((3, 2)), jnp.eye(3)
    params = model.init(jax.random.key(0), x, condition)
    log_prob = model.log_prob(params, x, condition)
    assert float(jnp.ptp(log_prob)) > 1e-3
    assert model.sample(params, jax.random.key(1), 3, condition)[0].shape == (3, 2)


@pytest.mark.parametrize(
    "bijector",
    [planar(), radial(), elementwise(affine()), chain(actnorm(), plu())],
    ids=["planar", "radial", "elementwise", "linear"],
)
def test_a_condition_that_nothing_reads_is_refused(bijector):
    x, condition = jnp.ones((6, 4)), jnp.ones((6, 3))
    model = density(bijector, standard_normal((4,)))
    with pytest.raises(InputError, match=r"no part of the density reads the condition"):
        model.init(jax.random.key(0), x, condition)
    conditioned = density(bijector, conditional_normal(nn.MLP(features=8, hidden=())))
    conditioned.init(jax.random.key(0), x, condition)
