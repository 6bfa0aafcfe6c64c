import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import task_aligned


def plain(score, overlap, candidates, places, alpha=0.5, beta=6.0):
    """Object by object and place by place."""
    metric = np.where(candidates, np.maximum(score**alpha * overlap**beta, 1e-20), 0)
    wanted = np.zeros_like(metric)
    for n in range(metric.shape[1]):
        for row in np.argsort(-metric[:, n], kind="stable")[:places]:
            wanted[row, n] = metric[row, n]
    index, target = wanted.argmax(axis=1), np.zeros(len(metric))
    for n in range(metric.shape[1]):
        own = [p for p in range(len(metric)) if wanted[p].max() > 0 and index[p] == n]
        for p in own:
            best = max(metric[q, n] for q in own)
            reached = max(overlap[q, n] for q in own)
            target[p] = metric[p, n] * reached / best
    return index, target


@pytest.mark.parametrize("places", [1, 3, 50])
def test_places_are_shared_out_as_by_a_plain_loop(places):
    rng = np.random.default_rng(0)
    for _ in range(20):
        score, overlap = rng.uniform(0.1, 1, (2, 30, 4)).astype(np.float32)
        candidates = rng.uniform(size=(30, 4)) < 0.4
        candidates[:, 3] = False  # an object that has none
        given = (jnp.asarray(x) for x in (score, overlap, candidates))
        index, has_one, target = task_aligned(*given, places=places)
        wanted_index, wanted = plain(score, overlap, candidates, places)
        np.testing.assert_allclose(target, wanted, rtol=1e-4)
        np.testing.assert_array_equal(has_one, wanted > 0)
        np.testing.assert_array_equal(index[wanted > 0], wanted_index[wanted > 0])
        if places == 1:
            assert (np.asarray(target) > 0).sum() <= 3


def test_a_place_without_overlap_is_still_taken():
    nothing = jnp.zeros((3, 1))
    candidates = jnp.array([[False], [True], [False]])
    index, has_one, target = task_aligned(nothing, nothing, candidates, places=1)
    assert index[1] == 0
    assert has_one.tolist() == [False, True, False]
    assert target.tolist() == [0.0, 0.0, 0.0]
