import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm

from genjax.errors import InputError
from genjax.metrics import (
    frechet_distance,
    gaussian_kernel,
    kernel_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein,
)

X = jax.random.normal(jax.random.key(0), (300, 5))
SCALES, SHIFT = jnp.array([[1.0, 2.0, 0.5, 1.0, 3.0]]), jnp.arange(5.0)[None]
Y = SCALES * jax.random.normal(jax.random.key(1), (200, 5)) + SHIFT


def test_frechet_is_that_of_scipys_root():
    x, y = np.asarray(X, float), np.asarray(Y, float)
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    wanted = apart + np.trace(s_x + s_y - 2 * sqrtm(s_x @ s_y).real)
    np.testing.assert_allclose(frechet_distance(X, Y), wanted, rtol=1e-4)


def test_frechet_of_a_set_with_itself_is_zero_also_where_features_are_flat():
    flat = X.at[:, 2].set(0.0)
    np.testing.assert_allclose(frechet_distance(flat, flat), 0.0, atol=1e-4)
    np.testing.assert_allclose(frechet_distance(X[:, :1], X[:, :1] + 3), 9.0, rtol=1e-4)


def test_mmd_is_the_mean_over_pairs_of_different_rows():
    kernel = gaussian_kernel(1.0, 3.0)
    k_x, k_y, k = (np.asarray(kernel(a, b)) for a, b in ((X, X), (Y, Y), (X, Y)))

    def off_diagonal(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    wanted = off_diagonal(k_x) + off_diagonal(k_y) - 2 * k.mean()
    for block in (7, 1000):
        found = maximum_mean_discrepancy(X, Y, kernel=kernel, block=block)
        np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_kernel_distance_is_no_larger_for_fewer_samples():
    """Unbiased: its mean over subsets is 0 whatever their sizes are."""

    def one(key, n, m):
        x = jax.random.normal(key, (n + m, 3))
        return kernel_distance(x[:n], x[n:])

    keys = jax.random.split(jax.random.key(2), 400)
    for n, m in ((20, 20), (10, 40)):
        values = jax.jit(jax.vmap(lambda key, n=n, m=m: one(key, n, m)))(keys)
        assert abs(float(values.mean())) < 4 * float(values.std()) / 20


def test_sliced_wasserstein_of_a_shift_is_its_length_over_the_root_of_the_dimensions():
    shift = jnp.array([[3.0, 0.0, 4.0, 0.0, 0.0]])
    found = sliced_wasserstein(jax.random.key(0), X, X + shift, projections=2000)
    np.testing.assert_allclose(found, 5 / np.sqrt(5), rtol=5e-2)


def test_bad_input_is_a_sentence():
    for metric in (frechet_distance, kernel_distance):
        with pytest.raises(InputError, match="at least two rows, got 1 and 200"):
            metric(X[:1], Y)
    with pytest.raises(InputError, match="bandwidths must be positive"):
        gaussian_kernel(0.0)
    with pytest.raises(InputError, match="bandwidths must be positive"):
        gaussian_kernel()
    line = inspect.unwrap(sliced_wasserstein)
    with pytest.raises(InputError, match="got 300 and 200 rows, 256 projections"):
        line(jax.random.key(0), X, Y)
    with pytest.raises(InputError, match="300 rows, 0 projections"):
        line(jax.random.key(0), X, X, projections=0)


def test_half_precision_is_widened():
    half = X.astype(jnp.bfloat16)
    for metric in (frechet_distance, kernel_distance):
        wanted = metric(half.astype(jnp.float32), Y)
        np.testing.assert_allclose(metric(half, Y), wanted, rtol=1e-6)


def frechet_by_sqrtm(x, y):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    root = np.linalg.svd(
        (x - x.mean(0)) @ (y - y.mean(0)).T / np.sqrt((len(x) - 1) * (len(y) - 1)),
        compute_uv=False,
    )
    return apart + np.trace(s_x) + np.trace(s_y) - 2 * root.sum()


@pytest.mark.parametrize(("rows", "dim"), [(10, 20), (40, 40), (200, 8)])
def test_the_frechet_distance_has_a_gradient_for_any_shape(rows, dim):
    keys = jax.random.split(jax.random.key(2), 3)
    x, y, step = (jax.random.normal(key, (rows, dim)) for key in keys)
    y = 0.5 * y + 1.0
    np.testing.assert_allclose(
        frechet_distance(x, y), frechet_by_sqrtm(x, y), rtol=1e-4
    )
    slope = jnp.vdot(jax.jit(jax.grad(frechet_distance))(x, y), step)
    h, x, y, step = 1e-4, *(np.asarray(a, np.float64) for a in (x, y, step))
    ahead, behind = (frechet_by_sqrtm(x + s * step, y) for s in (h, -h))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("offset", [0.0, 20.0, 1000.0])
def test_the_kernel_distance_keeps_its_digits_far_from_the_origin(offset):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 16)) + offset).astype(np.float32)
    y = (rng.normal(size=(200, 16)) + offset + 0.2).astype(np.float32)

    def mean(a, b):
        values = (a.astype(np.float64) @ b.T.astype(np.float64) / 16 + 1) ** 3
        if a is b:
            return (values.sum() - np.trace(values)) / (len(a) * (len(a) - 1))
        return values.mean()

    exact = mean(x, x) + mean(y, y) - 2 * mean(x, y)
    found = kernel_distance(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(found, exact, rtol=2e-3)
