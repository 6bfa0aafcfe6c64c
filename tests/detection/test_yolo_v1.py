import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.detection import ground_truth, yolo_v1
from genjax.errors import InputError


def truth_of(boxes, labels):
    xyxy = jnp.asarray(boxes, jnp.float32)[None]
    valid = jnp.ones(xyxy.shape[:2], bool)
    return ground_truth(xyxy, jnp.asarray(labels)[None], valid)


def test_the_papers_arithmetic():
    network = nn.GridRegressor(grid=(7, 7), channels=30, hidden=8)
    head = yolo_v1(network, classes=20, stride=64)
    features = (jnp.ones((2, 7, 7, 4)),)
    variables = jax.jit(head.init)(jax.random.key(0), features)
    raw = head.apply(variables, features)
    assert [level.shape for level in raw] == [(2, 7, 7, 30)]
    assert head.assign(truth_of([[0, 0, 9, 9]], [0]), (448, 448)).positive.size == 49
    assert head.decode(raw).xyxy.shape == (2, 100, 4)


def test_losses_are_those_of_the_paper_term_by_term():
    head = yolo_v1(nn.GridRegressor((2, 2), 12, 4), classes=2, stride=16)
    raw = np.random.default_rng(1).uniform(0.1, 0.9, (1, 2, 2, 12))
    # The object's centre (22, 9) lies in the cell of row 0 and column 1.
    truth = truth_of([[14.0, 4.0, 30.0, 14.0]], [1])
    raw[0, 0, 1, :4] = [0.4, 0.5, np.sqrt(0.5), np.sqrt(0.4)]
    sums, _ = head.loss([jnp.asarray(raw, jnp.float32)], head.assign(truth, (32, 32)))
    x, y, w, h, sure = raw[0, 0, 1, :5]
    places = (x - 6 / 16) ** 2 + (y - 9 / 16) ** 2
    sizes = (w - np.sqrt(16 / 32)) ** 2 + (h - np.sqrt(10 / 32)) ** 2
    low = np.maximum([16 + 16 * x - 16 * w**2, 16 * y - 16 * h**2], [14, 4])
    high = np.minimum([16 + 16 * x + 16 * w**2, 16 * y + 16 * h**2], [30, 14])
    shared = np.prod(high - low)
    overlap = shared / (32 * w**2 * 32 * h**2 + 160 - shared)
    others = [raw[0, r, c, i] for r in (0, 1) for c in (0, 1) for i in (4, 9)]
    others.remove(sure)
    wanted = {
        "box": 5 * (places + sizes),
        "object": (sure - overlap) ** 2,
        "background": 0.5 * np.sum(np.square(others)),
        "classification": raw[0, 0, 1, 10] ** 2 + (raw[0, 0, 1, 11] - 1) ** 2,
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(sums[name], value, rtol=1e-5, err_msg=name)


def test_bad_settings_are_sentences():
    network = nn.GridRegressor((2, 2), 12, 4)
    with pytest.raises(InputError, match="boxes_per_cell must be at least 1, got 0"):
        yolo_v1(network, classes=2, stride=16, boxes_per_cell=0)
    with pytest.raises(InputError, match=r"with \[13\] channels, got"):
        yolo_v1(network, classes=3, stride=16).decode([jnp.zeros((1, 2, 2, 12))])
