import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from genjax.detection import (
    atss,
    by_size,
    ground_truth,
    hungarian,
    sim_ota,
    task_aligned,
)
from genjax.detection._dense import Grid
from genjax.errors import InputError
from tests.metrics.test_coco import overlaps

GRID = Grid(((8, 8), (4, 4)), (4, 8))


def some_boxes(seed, n=4):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 22, (n, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(3, 10, (n, 2))], axis=1)
    valid = np.arange(n) < n - 1
    return ground_truth(*(jnp.asarray(x) for x in (xyxy, np.zeros(n, int), valid)))


def matched(matching, boxes):
    index, has_one = jax.jit(lambda own: matching(own, GRID))(boxes)
    return np.where(has_one, index, -1)


def plain_atss(boxes, places, anchor):
    """Object by object, as the paper writes it."""
    xyxy = np.asarray(boxes.xyxy, float)[np.asarray(boxes.valid)]
    points = np.asarray(GRID.centre, float)
    half = anchor * np.asarray(GRID.side, float)[:, None] / 2
    pairs = overlaps(np.concatenate([points - half, points + half], 1)[:, None], xyxy)
    best, owner = np.full(len(points), -1.0), np.full(len(points), -1)
    for n, box in enumerate(xyxy):
        centre, candidates, start = (box[:2] + box[2:]) / 2, [], 0
        for level in GRID.levels:
            own = np.arange(start, start := start + len(level))
            distance = ((points[own] - centre) ** 2).sum(axis=1)
            candidates += list(own[np.argsort(distance, kind="stable")[:places]])
        found = pairs[candidates, n]
        threshold = found.mean() + found.std(ddof=1)
        inside = [
            place
            for place in candidates
            if np.all(points[place] > box[:2]) and np.all(points[place] < box[2:])
        ]
        threshold = min(threshold, max(pairs[inside, n], default=0.0))
        for place in inside:
            if pairs[place, n] >= threshold - 1e-7 and pairs[place, n] > best[place]:
                best[place], owner[place] = pairs[place, n], n
    return owner


def test_adaptive_selection_is_that_of_a_plain_loop():
    for seed in range(30):
        boxes = some_boxes(seed)
        for places, anchor in ((9, 8.0), (3, 2.0)):
            found = matched(atss(places=places, anchor=anchor), boxes)
            np.testing.assert_array_equal(found, plain_atss(boxes, places, anchor))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: by_size(ranges=(8.0, 4.0)), "ascending positive distances"),
        (lambda: by_size(ranges=(float("nan"),)), "ascending positive distances"),
        (lambda: by_size(ranges=(), radius=0.0), "radius must be positive"),
        (lambda: by_size(ranges=())(some_boxes(0), GRID), "1 distances between the 2"),
        (lambda: atss(places=0), "places and anchor must be positive, got 0"),
        (lambda: atss(anchor=0.0), "places and anchor must be positive, got 9 and 0"),
        (
            lambda: sim_ota(*[jnp.ones((2, 1))] * 2, jnp.ones((2, 1), bool), most=0),
            "most",
        ),
    ],
)
def test_bad_settings_are_sentences(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("shape", [(12, 5), (4, 7), (6, 6)])
def test_least_cost_is_that_of_scipy(shape):
    assign = jax.jit(hungarian)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cost = rng.normal(size=shape).astype(np.float32) * 10 ** rng.uniform(-2, 4)
        objects = rng.uniform(size=shape[1]) < 0.7
        index, has_one = (np.asarray(x) for x in assign(cost, objects))
        rows, columns = linear_sum_assignment(cost[:, objects])
        assert has_one.sum() == len(rows)
        assert len(set(index[has_one])) == len(rows)
        assert np.all(objects[index[has_one]])
        least = cost[:, objects][rows, columns].sum()
        found = cost[np.flatnonzero(has_one), index[has_one]].sum()
        np.testing.assert_allclose(found, least, rtol=1e-4, atol=1e-3)


def test_pairs_of_no_finite_cost_are_none():
    assign = jax.jit(hungarian)
    index, has_one = assign(
        jnp.array([[0.0, 10.0], [10.0, jnp.inf]]), jnp.ones(2, bool)
    )
    assert index.tolist() == [1, 0]
    assert has_one.tolist() == [True, True]
    nowhere = assign(jnp.full((3, 2), jnp.nan), jnp.ones(2, bool))
    assert not np.any(nowhere[1])
    for seed in range(50):
        rng = np.random.default_rng(seed)
        cost = rng.integers(0, 9, (5, 4)).astype(np.float32)
        cost[rng.uniform(size=cost.shape) < 0.3] = np.inf
        index, has_one = (np.asarray(x) for x in assign(cost, np.ones(4, bool)))
        try:
            rows, columns = linear_sum_assignment(cost)
        except ValueError:
            continue  # not all can have one
        assert has_one.sum() == 4
        assert cost[has_one, index[has_one]].sum() == cost[rows, columns].sum()


def plain_sim_ota(cost, overlap, candidates, most):
    owner, price = np.full(len(cost), -1), np.full(len(cost), np.inf)
    for n in range(cost.shape[1]):
        own = np.flatnonzero(candidates[:, n])
        total = np.sort(overlap[own, n])[::-1][:most].sum()
        for place in own[np.argsort(cost[own, n])][: max(1, int(total))]:
            if cost[place, n] < price[place]:
                owner[place], price[place] = n, cost[place, n]
    return owner


def test_places_by_overlap_are_those_of_a_plain_loop():
    assign = jax.jit(lambda *given: sim_ota(*given, most=5))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cost, overlap = rng.uniform(size=(2, 30, 4)).astype(np.float32)
        candidates = rng.uniform(size=(30, 4)) < 0.4
        candidates[:, 3] = False
        index, has_one = assign(cost, overlap, candidates)
        found = np.where(has_one, index, -1)
        np.testing.assert_array_equal(
            found, plain_sim_ota(cost, overlap, candidates, 5)
        )


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


def test_an_object_of_no_overlap_has_its_best_place():
    overlap = jnp.zeros((2, 1))
    cost = -3 * jnp.log(overlap)
    assert sim_ota(cost, overlap, jnp.ones((2, 1), bool))[1].tolist() == [True, False]
