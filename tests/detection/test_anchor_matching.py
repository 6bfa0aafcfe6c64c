import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.data import scenes
from genjax.detection import (
    around,
    by_overlap,
    compensated,
    ground_truth,
    pairwise_wasserstein,
)
from genjax.detection._anchors import AnchorGrid
from genjax.detection._dense import Grid
from genjax.errors import InputError
from tests.metrics.test_coco import overlaps

GRID = AnchorGrid(Grid([(16, 16), (8, 8)], (4, 8)), [[(16.0, 16.0)], [(32.0, 32.0)]])
ANCHORS = around(GRID.centre, GRID.anchor)[0]


def random_boxes(rng, count):
    low = rng.uniform(0, 40, (count, 2))
    xyxy = np.concatenate([low, low + rng.uniform(4, 24, (count, 2))], axis=1)
    order = np.argsort(np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1))
    return xyxy[order].astype(np.float32)


def boxes_of(xyxy):
    count = len(xyxy)
    return ground_truth(jnp.asarray(xyxy), jnp.zeros(count, int), jnp.ones(count, bool))


def by_loops(xyxy, positive, least):
    near = overlaps(np.asarray(ANCHORS)[:, None], xyxy[None])
    rows = np.full(len(near), -1)
    for place, row in enumerate(near):
        own = [n for n in range(len(xyxy)) if near[:, n].argmax() == place]
        if own or row.max() >= positive:
            rows[place] = own[0] if own else row.argmax()
    if least is None:
        return rows
    counts = np.array([(rows == n).sum() for n in range(len(xyxy))])
    wanted = int(np.ceil(counts.sum() / len(xyxy)))
    wants = {}
    for n in np.flatnonzero(counts < wanted):
        for place in np.argsort(-near[:, n], kind="stable")[:wanted]:
            if rows[place] < 0 and near[place, n] > least:
                wants.setdefault(place, []).append((near[place, n], -n))
    for place, pairs in wants.items():
        rows[place] = -max(pairs)[1]
    return rows


@pytest.mark.parametrize(
    ("matching", "positive", "least"),
    [(by_overlap(), 0.5, None), (compensated(), 0.35, 0.1)],
)
def test_matchings_are_those_of_plain_loops(matching, positive, least):
    rng = np.random.default_rng(0)
    match = jax.jit(matching)
    for _ in range(10):
        xyxy = random_boxes(rng, 4)
        index, has_one = match(boxes_of(xyxy), ANCHORS)
        np.testing.assert_array_equal(
            np.where(has_one, index, -1), by_loops(xyxy, positive, least)
        )


def test_compensation_at_least_doubles_the_anchors_of_small_objects():
    draw = scenes(np.ones((1, 6, 6)), np.zeros(1, int), most=5, sizes=(6.0, 40.0))
    batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), 300)
    boxes = ground_truth(batch["xyxy"], batch["label"], batch["valid"])
    size = np.asarray(boxes.xyxy[..., 3] - boxes.xyxy[..., 1])
    small = np.asarray(boxes.valid) & (size < 16)

    def mean(matching):
        index, has_one = jax.jit(jax.vmap(lambda own: matching(own, ANCHORS)))(boxes)
        own = np.asarray(index)[..., None] == np.arange(5)
        counts = np.sum(own & np.asarray(has_one)[..., None], axis=1)
        return counts[small].mean()

    plain, lower, most = map(
        mean, (by_overlap(), by_overlap(positive_iou=0.35), compensated())
    )
    assert most >= 2 * plain
    assert most > lower


def test_the_smallest_objects_are_alike_an_anchor_that_they_do_not_meet():
    boxes = boxes_of(np.array([[0.5, 0.5, 1.5, 1.5]], np.float32))
    anchors = jnp.array([[2.0, 2.0, 6.0, 6.0], [8.0, 8.0, 12.0, 12.0]])
    assert not by_overlap(positive_iou=0.2)(boxes, anchors)[1].any()
    match = by_overlap(positive_iou=0.2, overlap=pairwise_wasserstein(scale=4.0))
    assert match(boxes, anchors)[1].tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: by_overlap(positive_iou=1.5), "positive_iou must be in"),
        (
            lambda: compensated(least_iou=0.5),
            "least_iou must be from 0 to positive_iou",
        ),
        (lambda: pairwise_wasserstein(scale=0.0), "scale must be positive"),
        (lambda: compensated(most=0), "most at least 1"),
    ],
)
def test_mistakes_are_sentences(call, message):
    with pytest.raises(InputError, match=message):
        call()
