import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import Boxes, fuse_boxes, merge_fragments, nms
from genjax.detection.scales import by_fragments, by_fusion, by_suppression
from tests.detection.test_suppression import N, problem


def batch_of(*seeds):
    xyxy, score, valid, label = map(
        jnp.asarray, map(np.stack, zip(*map(problem, seeds), strict=True))
    )
    return Boxes(xyxy, label, valid, score, jnp.zeros_like(valid))


def suppressed(xyxy, score, valid, label):
    keep = np.asarray(nms(xyxy, score, valid, iou_threshold=0.5, label=label))
    return [(xyxy[i], score[i], label[i]) for i in np.flatnonzero(keep)]


def fused(xyxy, score, valid, label):
    found = fuse_boxes(xyxy, score, valid, label, models=2)
    return [
        (found.xyxy[i], found.score[i], found.label[i])
        for i in np.flatnonzero(found.valid)
    ]


@pytest.mark.parametrize(
    ("merge", "plain"),
    [(by_suppression(most=N), suppressed), (by_fusion(models=2, most=N), fused)],
    ids=["suppression", "fusion"],
)
def test_each_image_is_merged_alone_and_the_best_come_first(merge, plain):
    found = jax.jit(merge)(batch_of(0, 1, 2))
    for image, seed in enumerate((0, 1, 2)):
        wanted = sorted(
            plain(*map(jnp.asarray, problem(seed))), key=lambda own: -own[1]
        )
        count = int(found.valid[image].sum())
        assert count == len(wanted)
        assert np.all(np.diff(found.score[image, :count]) <= 0)
        scores = [float(score) for _, score, _ in wanted]
        np.testing.assert_allclose(found.score[image, :count], scores, rtol=1e-6)
        boxes = {tuple(np.asarray(box).round(3).tolist()) for box, _, _ in wanted}
        assert boxes == {
            tuple(np.asarray(box).round(3).tolist())
            for box in found.xyxy[image, :count]
        }
        assert not np.any(found.xyxy[image, count:])


def test_only_the_best_stay():
    whole, few = (by_suppression(most=most)(batch_of(0)) for most in (N, 3))
    np.testing.assert_array_equal(few.score[0], whole.score[0, :3])


def test_pieces_that_meet_only_what_others_have_grown_to_join():
    # The best piece meets the whole, which another piece meets.
    xyxy = jnp.array([[[0.0, 0, 4, 8], [0, 0, 10, 8], [6, 0, 10, 8]]])
    score = jnp.array([[0.9, 0.8, 0.7]])
    label, valid = jnp.zeros((1, 3), jnp.int32), jnp.ones((1, 3), bool)
    once = merge_fragments(xyxy[0], score[0], valid[0], label[0])
    assert int(once.valid.sum()) == 2
    found = by_fragments()(Boxes(xyxy, label, valid, score, ~valid))
    assert int(found.valid.sum()) == 1
    assert found.xyxy[0, 0].tolist() == [0, 0, 10, 8]
