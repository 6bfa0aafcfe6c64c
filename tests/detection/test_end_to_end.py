import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import task_aligned


def plain(score, overlap, candidates, places, alpha=0.5, beta=6.0):
    """Pair by pair, then object by object and place by place."""
    metric = np.where(candidates, np.maximum(score**alpha * overlap**beta, 1e-20), 0)
    free, owner = metric.copy(), np.full(len(metric), -1)
    for _ in range(metric.shape[1]):
        place, n = np.unravel_index(free.argmax(), free.shape)
        if free[place, n] > 0:
            owner[place] = n
            free[place], free[:, n] = 0, 0
    if places > 1:
        wanted = np.zeros_like(metric)
        for n in range(metric.shape[1]):
            rows = np.argsort(-metric[:, n], kind="stable")[:places]
            wanted[rows, n] = metric[rows, n]
        for place in range(len(metric)):
            if owner[place] < 0 and wanted[place].max() > 0:
                owner[place] = wanted[place].argmax()
    target = np.zeros(len(metric))
    for place, n in enumerate(owner):
        if n >= 0:
            own = owner == n
            reached = overlap[own, n].max() / metric[own, n].max()
            target[place] = metric[place, n] * reached
    return owner, target


@pytest.mark.parametrize("places", [1, 3, 50])
def test_places_are_shared_out_as_by_a_plain_loop(places):
    rng = np.random.default_rng(0)
    for _ in range(20):
        score, overlap = rng.uniform(0.1, 1, (2, 30, 4)).astype(np.float32)
        candidates = rng.uniform(size=(30, 4)) < 0.4
        candidates[:, 3] = False  # an object that has none
        given = (jnp.asarray(x) for x in (score, overlap, candidates))
        index, has_one, target = task_aligned(*given, places=places)
        owner, wanted = plain(score, overlap, candidates, places)
        np.testing.assert_allclose(target, wanted, rtol=1e-4)
        np.testing.assert_array_equal(has_one, owner >= 0)
        np.testing.assert_array_equal(np.asarray(index)[owner >= 0], owner[owner >= 0])
        if places == 1:
            assert has_one.sum() == 3


def test_no_object_is_left_without_a_place():
    # Two that want the same place first, and a third with one candidate.
    overlap = jnp.array([[0.9, 0.8, 0.7], [0.2, 0.3, 0.0], [0.1, 0.1, 0.0]])
    given = jnp.ones((3, 3)), overlap, overlap > 0
    for places in (1, 3):
        index, has_one, _ = task_aligned(*given, places=places)
        owners = sorted(int(n) for n, one in zip(index, has_one, strict=True) if one)
        assert 1 in owners
        assert len(owners) >= 2


def test_a_place_without_overlap_is_still_taken():
    nothing = jnp.zeros((3, 1))
    candidates = jnp.array([[False], [True], [False]])
    index, has_one, target = task_aligned(nothing, nothing, candidates, places=1)
    assert index[1] == 0
    assert has_one.tolist() == [False, True, False]
    assert target.tolist() == [0.0, 0.0, 0.0]
