import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import (
    diou,
    diou_exceeds,
    fuse_boxes,
    matrix_nms,
    merge_fragments,
    nms,
    soft_nms_gaussian,
    soft_nms_linear,
)
from genjax.errors import InputError
from tests.metrics.test_coco import overlaps

N = 40


def problem(seed):
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 40, (N, 2))
    xyxy = np.concatenate([corner, corner + rng.integers(5, 20, (N, 2))], axis=1)
    score = rng.uniform(0.1, 1, N).round(2)  # equal ones too
    valid, label = rng.uniform(size=N) < 0.9, rng.integers(0, 2, N)
    return xyxy.astype(np.float32), score.astype(np.float32), valid, label


def pairs_of(xyxy, label):
    boxes = xyxy.astype(float)
    pairs = overlaps(boxes[:, None], boxes[None])
    return np.where(label[:, None] == label[None], pairs, 0.0)


def plain_soft(pairs, score, valid, decay):
    score, free = np.where(valid, score, 0).astype(float), list(np.flatnonzero(valid))
    while free:
        best = max(free, key=lambda i: (score[i], -i))
        free.remove(best)
        for i in free:
            score[i] *= decay(pairs[best, i])
    return score


@pytest.mark.parametrize(
    ("soft", "decay"),
    [
        (soft_nms_linear, lambda o: 1 - o if o >= 0.3 else 1.0),
        (soft_nms_gaussian, lambda o: np.exp(-(o**2) / 0.5)),
    ],
)
def test_soft_suppression_is_that_of_a_plain_loop(soft, decay):
    of = jax.jit(lambda x, s, v, y: soft(x, s, v, label=y))
    for seed in range(20):
        xyxy, score, valid, label = problem(seed)
        wanted = plain_soft(pairs_of(xyxy, label), np.asarray(score), valid, decay)
        found = of(xyxy, score, valid, label)
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_matrix_suppression_is_that_of_a_plain_loop():
    of = jax.jit(lambda x, s, v, y: matrix_nms(x, s, v, label=y))
    for seed in range(20):
        xyxy, score, valid, label = problem(seed)
        pairs, wanted = pairs_of(xyxy, label), np.zeros(N)
        order = [i for i in np.argsort(-np.asarray(score), kind="stable") if valid[i]]
        for j, place in enumerate(order):
            factors = [1.0]
            for i, better in enumerate(order[:j]):
                if pairs[better, place] > 0 or label[better] == label[place]:
                    most = max([pairs[b, better] for b in order[:i]], default=0.0)
                    gap = pairs[better, place] ** 2 - most**2
                    factors.append(np.exp(-2 * gap))
            wanted[place] = float(score[place]) * min(factors)
        np.testing.assert_allclose(of(xyxy, score, valid, label), wanted, atol=1e-6)


def test_suppression_by_distance_is_greedy():
    how = {"iou_threshold": 0.3, "exceeds": diou_exceeds}
    of = jax.jit(lambda *x: nms(*x[:3], label=x[3], **how))
    for seed in range(50):
        xyxy, score, valid, label = problem(seed)
        pairs = np.asarray(diou(jnp.asarray(xyxy)[:, None], jnp.asarray(xyxy)[None]))
        kept = []
        for i in np.argsort(-np.asarray(score), kind="stable"):
            rivals = [j for j in kept if label[j] == label[i]]
            if valid[i] and all(pairs[j, i] <= 0.3 for j in rivals):
                kept.append(i)
        found = np.flatnonzero(of(xyxy, score, valid, label))
        assert found.tolist() == sorted(kept)


def test_fused_boxes_are_those_of_a_plain_loop():
    of = jax.jit(lambda *x: fuse_boxes(*x, models=3))
    for seed in range(20):
        xyxy, score, valid, label = problem(seed)
        clusters = []
        for i in np.argsort(-np.asarray(score), kind="stable"):
            if not valid[i]:
                continue
            box, best, most = np.asarray(xyxy[i], float), None, 0.55
            for cluster in clusters:
                if cluster["label"] != label[i]:
                    continue
                mean = np.average(cluster["boxes"], axis=0, weights=cluster["scores"])
                overlap = overlaps(mean, box)
                if overlap > most:
                    best, most = cluster, overlap
            if best is None:
                best = {"label": label[i], "boxes": [], "scores": []}
                clusters.append(best)
            best["boxes"].append(box)
            best["scores"].append(float(score[i]))
        found = of(xyxy, score, valid, label)
        assert int(found.valid.sum()) == len(clusters)
        for k, cluster in enumerate(clusters):
            mean = np.average(cluster["boxes"], axis=0, weights=cluster["scores"])
            share = min(len(cluster["boxes"]), 3) / 3
            np.testing.assert_allclose(found.xyxy[k], mean, rtol=1e-5)
            wanted = np.mean(cluster["scores"]) * share
            np.testing.assert_allclose(found.score[k], wanted, rtol=1e-5)
            assert found.label[k] == cluster["label"]
    with pytest.raises(InputError, match="models must be at least 1, got 0"):
        fuse_boxes(*map(jnp.asarray, problem(0)), models=0)


def test_nothing_valid_leaves_nothing():
    xyxy, score, _, label = map(jnp.asarray, problem(0))
    none = jnp.zeros(N, bool)
    assert not soft_nms_linear(xyxy, score, none).any()
    assert not matrix_nms(xyxy, score, none).any()
    assert not fuse_boxes(xyxy, score, none, label).valid.any()


def share(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    least = min(np.prod(x[2:] - x[:2]) for x in (a, b))
    return np.prod(np.maximum(sides, 0)) / least


def plain_merge(xyxy, score, valid, label, threshold):
    """Takes the best, all that meet it leave, and they grow together one by one."""
    left = [i for i in np.argsort(-score, kind="stable") if valid[i]]
    merged = []
    while left:
        best, *left = left
        own = [
            i
            for i in left
            if label[i] == label[best] and share(xyxy[best], xyxy[i]) >= threshold
        ]
        left = [i for i in left if i not in own]
        box = xyxy[best].copy()
        for i in own:
            if share(box, xyxy[i]) >= threshold:
                box[:2] = np.minimum(box[:2], xyxy[i][:2])
                box[2:] = np.maximum(box[2:], xyxy[i][2:])
        merged.append((box, score[best], label[best]))
    return merged


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_fragments_are_merged_as_by_a_plain_loop(threshold):
    of = jax.jit(lambda *x: merge_fragments(*x, share_threshold=threshold))
    for seed in range(20):
        given = problem(seed)
        found, wanted = of(*given), plain_merge(*given, threshold)
        assert int(found.valid.sum()) == len(wanted)
        for row, (box, score, label) in enumerate(wanted):
            np.testing.assert_allclose(found.xyxy[row], box, atol=1e-6)
            assert float(found.score[row]) == score
            assert int(found.label[row]) == label


def test_no_box_makes_no_box():
    none = jnp.zeros((0, 4)), jnp.zeros(0), jnp.zeros(0, bool), jnp.zeros(0, int)
    for make in (fuse_boxes, merge_fragments):
        assert make(*none).xyxy.shape == (0, 4)
    with pytest.raises(InputError, match="above 0 and at most 1, got 0"):
        merge_fragments(*none, share_threshold=0.0)
