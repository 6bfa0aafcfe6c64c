import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.detection import Selection, ground_truth, yolo_v2, yolo_v3
from genjax.errors import InputError

PAPER_V3 = (
    ((10.0, 13.0), (16.0, 30.0), (33.0, 23.0)),
    ((30.0, 61.0), (62.0, 45.0), (59.0, 119.0)),
    ((116.0, 90.0), (156.0, 198.0), (373.0, 326.0)),
)


def assigned(head, xyxy, size=(416, 416)):
    xyxy = jnp.asarray(xyxy, jnp.float32)[None]
    shape = xyxy.shape[:2]
    truth = ground_truth(xyxy, jnp.zeros(shape, int), jnp.ones(shape, bool))
    return jax.jit(lambda truth: head.assign(truth, size))(truth)


def test_there_are_as_many_predictors_as_in_the_papers():
    towers = nn.LevelTowers(channels=(75,) * 3, width=4)
    third = yolo_v3(towers, classes=20, strides=(8, 16, 32), anchors=PAPER_V3)
    targets = assigned(third, [[0.0, 0.0, 10.0, 13.0], [100.0, 40.0, 256.0, 238.0]])
    assert targets.positive.shape == (1, 10_647)
    # The first anchor of the first cell, and the second of the coarsest level's cell
    # (5, 4) around (178, 139).
    cell = 4 * 13 + 5
    wanted = [0, 3 * (52 * 52 + 26 * 26) + 3 * cell + 1]
    assert np.flatnonzero(targets.positive[0]).tolist() == wanted
    second = yolo_v2(
        towers, classes=20, stride=32, anchors=PAPER_V3[2] + PAPER_V3[1][:2]
    )
    targets = assigned(second, [[0.0, 0.0, 10.0, 13.0]])
    assert targets.positive.shape == (1, 13 * 13 * 5)


def test_a_prediction_is_its_cell_and_its_anchor():
    head = yolo_v2(
        nn.LevelTowers(channels=(16,), width=4),
        classes=3,
        stride=8,
        anchors=[(8.0, 4.0), (16.0, 16.0)],
        selection=Selection(detections=1),
    )
    raw = np.full((1, 4, 4, 16), -9.0, np.float32)
    raw[0, 1, 2, 8:] = [0.0, np.log(3), np.log(0.5), 0.0, 9.0, 0.0, 0.0, 9.0]
    found = head.decode([jnp.asarray(raw)])
    # Centre (8 (2 + 1/2), 8 (1 + 3/4)), size (16 / 2, 16).
    np.testing.assert_allclose(found.xyxy[0, 0], [16, 6, 24, 22], rtol=1e-6)
    assert found.label[0, 0] == 2
    np.testing.assert_allclose(found.score[0, 0], 1, atol=1e-3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("version", [2, 3])
def test_losses_are_those_of_the_papers_term_by_term(version):
    anchors = [(8.0, 8.0), (14.0, 10.0)]
    tower = nn.LevelTowers(channels=(16,), width=4)
    head = (
        yolo_v2(tower, classes=3, stride=8, anchors=anchors)
        if version == 2
        else yolo_v3(tower, classes=3, strides=[8], anchors=[anchors])
    )
    raw = np.random.default_rng(0).normal(size=(1, 4, 4, 2, 8))
    raw[0, 2, 2, 1, :4] = [0.1, -0.2, 0.1, 0.2]
    box = np.array([13.0, 12.0, 27.0, 25.0])
    truth = ground_truth(
        jnp.asarray(box, jnp.float32)[None, None],
        jnp.array([[1]]),
        jnp.ones((1, 1), bool),
    )
    targets = head.assign(truth, (32, 32))
    levels = [jnp.asarray(raw.reshape(1, 4, 4, 16), jnp.float32)]
    sums, counts = head.loss(levels, targets)
    limit = 0.6 if version == 2 else 0.5
    wanted = dict.fromkeys(sums, 0.0)
    for row in range(4):
        for column in range(4):
            for a, (w, h) in enumerate(anchors):
                x, y, tw, th, to, *logits = raw[0, row, column, a]
                cx, cy = 8 * (column + sigmoid(x)), 8 * (row + sigmoid(y))
                pw, ph = w * np.exp(tw), h * np.exp(th)
                edges = np.array([cx - pw / 2, cy - ph / 2, cx + pw / 2, cy + ph / 2])
                overlap = numpy_iou(edges, box)
                if (row, column, a) != (2, 2, 1):
                    if overlap < limit:
                        miss = sigmoid(to) ** 2 if version == 2 else np.logaddexp(0, to)
                        wanted["background"] += miss
                    continue
                px, py = (20 - 16) / 8, (18.5 - 16) / 8
                sizes = (tw - np.log(14 / w)) ** 2 + (th - np.log(13 / h)) ** 2
                logits = np.array(logits)
                if version == 2:
                    places = (sigmoid(x) - px) ** 2 + (sigmoid(y) - py) ** 2
                    wanted["object"] = 5 * (sigmoid(to) - overlap) ** 2
                    share = np.exp(logits) / np.exp(logits).sum()
                    wanted["classification"] = -np.log(share[1])
                else:
                    places = sum(
                        -p * np.log(sigmoid(t)) - (1 - p) * np.log(1 - sigmoid(t))
                        for t, p in ((x, px), (y, py))
                    )
                    sizes /= 2
                    wanted["object"] = -np.log(sigmoid(to))
                    hit = np.array([0, 1, 0])
                    wanted["classification"] = -np.sum(
                        hit * np.log(sigmoid(logits))
                        + (1 - hit) * np.log(1 - sigmoid(logits))
                    )
                wanted["box"] = (2 - 14 * 13 / 32**2) * (places + sizes)
    for name, value in wanted.items():
        np.testing.assert_allclose(sums[name], value, rtol=1e-4, err_msg=name)
    assert all(float(count) == 1 for count in counts.values())


def numpy_iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = np.prod(np.maximum(high - low, 0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def test_bad_settings_are_sentences():
    tower = nn.LevelTowers(channels=(16,), width=4)
    with pytest.raises(InputError, match="classes must be at least 1, got 0"):
        yolo_v2(tower, classes=0, stride=8, anchors=[(8.0, 8.0)])
    with pytest.raises(InputError, match="positive widths and heights in pixels for"):
        yolo_v3(tower, classes=3, strides=(8, 16), anchors=[[(8.0, 8.0)]])
    head = yolo_v2(tower, classes=3, stride=8, anchors=[(8.0, 8.0)])
    with pytest.raises(InputError, match=r"with \[8\] channels, got"):
        head.decode([jnp.zeros((1, 4, 4, 16))])
