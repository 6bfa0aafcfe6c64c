import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.detection import (
    centernet,
    centernet_outputs,
    ground_truth,
    released_radius,
)
from genjax.detection._centernet import Raw


def test_losses_are_those_of_the_paper_term_by_term():
    tower = nn.DenseTower(outputs=centernet_outputs(2), width=4)
    head = centernet(tower, classes=2, stride=4)
    boxes = np.array([[4.0, 4.0, 17.0, 15.0], [16.0, 8.0, 30.0, 30.0]])
    truth = ground_truth(
        jnp.asarray(boxes, jnp.float32)[None],
        jnp.array([[1, 1]]),
        jnp.ones((1, 2), bool),
    )
    rng = np.random.default_rng(0)
    logits, offset, size = (rng.normal(size=(1, 8, 8, 2)) for _ in range(3))
    raw = Raw(*(jnp.asarray(x, jnp.float32) for x in (logits, offset, size)))
    sums, counts = head.loss(raw, head.assign(truth, (32, 32)))
    p = 1 / (1 + np.exp(-logits[0]))
    wanted = dict.fromkeys(sums, 0.0)
    heat = np.zeros((8, 8, 2))
    for left, top, right, bottom in boxes / 4:
        x, y = (left + right) / 2, (top + bottom) / 2
        radius = released_radius(jnp.array([right - left, bottom - top], jnp.float32))
        spread = (2 * float(radius) + 1) / 6
        rows, columns = np.mgrid[:8, :8]
        distance = (columns - int(x)) ** 2 + (rows - int(y)) ** 2
        own = np.exp(-distance / (2 * spread**2))
        heat[..., 1] = np.maximum(heat[..., 1], own)
        place = 0, int(y), int(x)
        wanted["offset"] += np.abs(offset[place] - [x - int(x), y - int(y)]).sum()
        gap = np.abs(size[place] - [right - left, bottom - top]).sum()
        wanted["size"] += 0.1 * gap
    hit = -((1 - p) ** 2) * np.log(p)
    miss = -((1 - heat) ** 4) * p**2 * np.log(1 - p)
    wanted["heat"] = np.sum(np.where(heat == 1, hit, miss))
    for name, value in wanted.items():
        np.testing.assert_allclose(sums[name], value, rtol=1e-5, err_msg=name)
        assert counts[name] == 2
