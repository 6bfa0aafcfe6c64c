import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.cluster import KMeans

from genjax.densities import diagonal_normal_mixture, eight_gaussians
from genjax.densities._normal_mixture import k_means
from genjax.errors import InputError


def test_the_density_is_that_of_scipy():
    params = {
        "logits": jnp.log(jnp.array([0.3, 0.7])),
        "mean": jnp.array([[0.0, 1.0], [3.0, -1.0]]),
        "log_scale": jnp.array([[0.0, 0.5], [-0.3, 0.1]]),
    }
    model = diagonal_normal_mixture(components=2)
    x, log_prob = model.sample({"params": params}, jax.random.key(0), 500)
    expected = np.log(
        sum(
            weight * stats.norm.pdf(x, mean, np.exp(log_scale)).prod(axis=1)
            for weight, mean, log_scale in zip(
                (0.3, 0.7), params["mean"], params["log_scale"], strict=True
            )
        )
    )
    np.testing.assert_allclose(log_prob, expected, atol=1e-5)
    np.testing.assert_allclose(x.mean(axis=0), [2.1, -0.4], atol=0.25)


def test_k_means_is_as_good_as_that_of_scikit_learn():
    x, _ = eight_gaussians(scale=0.1).sample({}, jax.random.key(0), 800)
    centres = k_means(jax.random.key(1), x, components=8)
    spread = np.square(np.asarray(x)[:, None] - centres[None]).sum(2).min(1).sum()
    known = KMeans(8, n_init=10, random_state=0).fit(np.asarray(x)).inertia_
    assert spread <= 1.01 * known


def test_the_first_batch_already_fits():
    target = eight_gaussians()
    x, log_prob = target.sample({}, jax.random.key(0), 4000)
    model = diagonal_normal_mixture(components=8)
    params = jax.jit(model.init)(jax.random.key(1), x)
    assert abs(float((log_prob - model.log_prob(params, x)).mean())) < 0.1


def test_mistakes_are_named():
    with pytest.raises(InputError, match="components must be at least 1, got 0"):
        diagonal_normal_mixture(components=0)
    with pytest.raises(InputError, match="3 centres need as many points, got 2"):
        diagonal_normal_mixture(components=3).init(jax.random.key(0), jnp.ones((2, 1)))


def test_outliers_have_finite_gradients():
    model = diagonal_normal_mixture(components=2)
    variables = model.init(jax.random.key(0), jnp.array([[0.0], [0.2], [5.0], [5.2]]))
    value, gradient = jax.value_and_grad(
        lambda params: model.log_prob({"params": params}, jnp.array([[1e25]]))[0]
    )(variables["params"])
    assert np.isfinite(value)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
