import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from genjax.densities import ring_centres
from genjax.errors import InputError
from genjax.metrics import (
    memorization,
    nearest_neighbour_accuracy,
    precision_recall_density_coverage,
)
from genjax.metrics._neighbours import kth_nearest

REAL = jax.random.normal(jax.random.key(0), (150, 3))
FAKE = 0.8 * jax.random.normal(jax.random.key(1), (120, 3)) + 0.5


def by_sklearn(real, fake, k):
    """The definitions, by scikit-learn's exact neighbours and whole matrices."""

    def radii(x):
        return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, -1]

    apart = np.linalg.norm(real[:, None] - fake[None], axis=2)
    inside = apart <= radii(real)[:, None]
    return (
        inside.any(axis=0).mean(),
        (apart <= radii(fake)[None]).any(axis=1).mean(),
        inside.sum(axis=0).mean() / k,
        inside.any(axis=1).mean(),
    )


@pytest.mark.parametrize("block", [7, 60, 1000])
@pytest.mark.parametrize("k", [1, 5])
def test_precision_recall_density_coverage_are_their_definitions(k, block):
    found = precision_recall_density_coverage(REAL, FAKE, k=k, block=block)
    wanted = by_sklearn(np.asarray(REAL), np.asarray(FAKE), k)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_one_repeated_image_is_precise_and_covers_nothing():
    found = precision_recall_density_coverage(REAL, jnp.tile(REAL[:1], (100, 1)))
    assert found.precision == 1
    assert found.coverage < 0.1
    assert found.recall < 0.1


@pytest.mark.parametrize("k", [1, 3])
def test_kth_nearest_leaves_the_point_itself_out(k):
    found = NearestNeighbors(n_neighbors=k + 1).fit(REAL).kneighbors(REAL)[0][:, -1]
    np.testing.assert_allclose(kth_nearest(REAL, k=k, block=64), found**2, atol=1e-4)


def test_nearest_neighbours_cannot_tell_equal_sets_apart():
    x = jax.random.normal(jax.random.key(2), (2000, 2))
    assert abs(float(nearest_neighbour_accuracy(x[:1000], x[1000:])) - 0.5) < 0.05
    assert nearest_neighbour_accuracy(x, x + 50.0) == 1
    copies = x + 1e-3 * jax.random.normal(jax.random.key(3), x.shape)
    assert nearest_neighbour_accuracy(x, copies, block=300) < 0.1


def test_memorization_tells_copies_from_new_samples():
    x = jax.random.normal(jax.random.key(2), (900, 2))
    train, new, held_out = x[:300], x[300:600], x[600:]
    assert float(memorization(train[:100], train, held_out)) == pytest.approx(1)
    assert abs(float(memorization(new, train, held_out)) - 0.5) < 0.06
    assert memorization(new + 100.0, train, held_out) == 0


def test_k_must_be_below_both_sizes():
    for k in (0, 120):
        with pytest.raises(InputError, match=f"sets, 150 and 120, got {k}"):
            precision_recall_density_coverage(REAL, FAKE, k=k)


def test_tight_clusters_keep_their_digits():
    ring = jnp.tile(jnp.asarray(ring_centres(1.0), jnp.float32), (100, 1))
    x = ring + 1e-3 * jax.random.normal(jax.random.key(0), ring.shape)
    wide = np.asarray(x, float)
    found = NearestNeighbors(n_neighbors=2).fit(wide).kneighbors(wide)[0][:, -1]
    np.testing.assert_allclose(kth_nearest(x, k=1, block=64), found**2, rtol=1e-3)
    assert nearest_neighbour_accuracy(x, x) == 0


def test_what_is_not_finite_is_seen_and_sizes_are_checked():
    bad = REAL.at[3].set(jnp.nan)
    assert np.isnan(nearest_neighbour_accuracy(bad, REAL))
    assert np.isnan(precision_recall_density_coverage(REAL, bad).recall)
    assert np.isnan(memorization(bad, REAL, FAKE))
    with pytest.raises(InputError, match="as many rows, got 150 and 120"):
        inspect.unwrap(nearest_neighbour_accuracy)(REAL, FAKE)


def test_memorization_sees_copies_that_are_nearly_exact():
    train = jax.random.normal(jax.random.key(0), (300, 64))
    noise = 1e-3 * jax.random.normal(jax.random.key(1), train.shape)
    assert memorization(train + noise, train, train) == 0
    assert float(memorization(train, train, train)) == pytest.approx(0.5)
