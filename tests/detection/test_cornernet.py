import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.detection import cornernet, ground_truth
from genjax.detection._cornernet import Raw


def test_corners_are_pulled_and_pushed_as_in_the_paper():
    head = cornernet(nn.CornerTower(classes=2, width=4), classes=2, stride=4)
    boxes = np.array([[2.0, 5.0, 17.0, 15.0], [9.0, 9.0, 30.0, 31.0], [1, 1, 8, 8]])
    truth = ground_truth(
        jnp.asarray(boxes, jnp.float32)[None],
        jnp.array([[1, 0, 1]]),
        jnp.ones((1, 3), bool),
    )
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(2, 1, 8, 8, n)).astype(np.float32) for n in (2, 1, 2)]
    raw = Raw(*(tuple(jnp.asarray(x) for x in pair) for pair in maps))
    sums, counts = head.loss(raw, head.assign(truth, (32, 32)))
    cells = (boxes // 4).astype(int)
    first = np.array([maps[1][0, 0, r, c, 0] for c, r, _, _ in cells])
    second = np.array([maps[1][1, 0, r, c, 0] for _, _, c, r in cells])
    mean = (first + second) / 2
    pull = np.sum((first - mean) ** 2 + (second - mean) ** 2)
    push = sum(
        max(0, 1 - abs(mean[i] - mean[j])) for i in range(3) for j in range(3) if i != j
    )
    np.testing.assert_allclose(sums["pull"], 0.1 * pull, rtol=1e-5)
    np.testing.assert_allclose(sums["push"], 0.1 * push, rtol=1e-5)
    offset = 0.0
    for k, (left, top, right, bottom) in enumerate(boxes / 4):
        for corner, (x, y) in enumerate(((left, top), (right, bottom))):
            column, row = cells[k, 2 * corner : 2 * corner + 2]
            gap = maps[2][corner, 0, row, column] - [x - column, y - row]
            near = np.abs(gap) < 1
            offset += np.sum(np.where(near, gap**2 / 2, np.abs(gap) - 0.5))
    np.testing.assert_allclose(sums["offset"], offset, rtol=1e-5)
    assert {k: float(v) for k, v in counts.items()} == {
        "heat": 6,
        "offset": 6,
        "pull": 3,
        "push": 6,
    }


def test_pairs_need_one_class_one_embedding_and_the_right_order():
    head = cornernet(nn.CornerTower(classes=2, width=4), classes=2, stride=4)
    heat = np.full((2, 1, 8, 8, 2), -20.0, np.float32)
    embedding = np.zeros((2, 1, 8, 8, 1), np.float32)
    heat[0, 0, 1, 1, 0] = heat[1, 0, 5, 6, 0] = 20  # a pair
    heat[1, 0, 6, 3, 1] = 20  # of another class
    heat[1, 0, 0, 7, 0] = 20  # above the first
    heat[1, 0, 7, 7, 0], embedding[1, 0, 7, 7] = 20, 3.0  # of another object
    offset = np.full((2, 1, 8, 8, 2), 0.25, np.float32)
    raw = Raw(*(tuple(map(jnp.asarray, x)) for x in (heat, embedding, offset)))
    found = head.decode(raw)
    assert found.valid.sum() == 1
    np.testing.assert_allclose(found.xyxy[0, 0], [5, 5, 25, 21])
    assert found.label[0, 0] == 0
