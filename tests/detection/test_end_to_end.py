import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection import ground_truth, iou, task_aligned
from tests.laws.heads import HEADS, SIZES, STRIDES

CASE = HEADS["end_to_end"]
POINTS = [
    ((column + 0.5) * stride, (row + 0.5) * stride)
    for (height, width), stride in zip(SIZES, STRIDES, strict=True)
    for row in range(height)
    for column in range(width)
]


def flat(levels):
    return np.concatenate(
        [np.asarray(x[0], float).reshape(-1, x.shape[-1]) for x in levels]
    )


def plain(branch, xyxy, label, places, gamma):
    """Classification and box of one image's branch, place by place."""
    logits, log_distance = flat(branch.logits), flat(branch.distance)
    p = 1 / (1 + np.exp(-logits))
    stride = np.repeat(STRIDES, [h * w for h, w in SIZES])[:, None]
    reach = np.exp(8 * np.tanh(log_distance / 8)) * stride
    points = np.array(POINTS)
    found = np.concatenate([points - reach[:, :2], points + reach[:, 2:]], axis=1)
    overlap = np.array(iou(jnp.asarray(found)[:, None], jnp.asarray(xyxy)[None]))
    inside = np.array(
        [[np.all(q > b[:2]) and np.all(q < b[2:]) for b in xyxy] for q in points]
    )
    given = (jnp.asarray(x) for x in (p[:, label], overlap, inside))
    index, has_one, target = map(np.asarray, task_aligned(*given, places=places))
    total, box = 0.0, 0.0
    for place in range(len(points)):
        for kind in range(3):
            t = target[place] if has_one[place] and label[index[place]] == kind else 0.0
            own = p[place, kind]
            cost = -t * np.log(own) - (1 - t) * np.log(1 - own)
            total += abs(t - own) ** gamma * cost
        if has_one[place]:
            a, b = found[place], xyxy[index[place]]
            low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
            hull = np.prod(high - low)
            sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
            common = np.prod(np.maximum(sides, 0))
            union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common
            box += 1 - (common / union - (hull - union) / hull)
    return total, box, has_one.sum()


def test_losses_are_those_of_plain_loops():
    rng = np.random.default_rng(0)
    raw = jax.tree.map(
        lambda x: jnp.asarray(rng.normal(scale=0.5, size=x.shape), jnp.float32),
        jax.eval_shape(
            CASE.encode,
            jax.eval_shape(lambda: CASE.head.assign(some_boxes(), (32, 32))),
        ),
    )
    sums, counts = jax.jit(
        lambda raw: CASE.head.loss(raw, CASE.head.assign(some_boxes(), (32, 32)))
    )(raw)
    xyxy, label = (
        np.asarray(some_boxes().xyxy[0], float),
        np.asarray(some_boxes().label[0]),
    )
    for branch, places, gamma, ending in (
        (raw.many, 10, 2.0, ""),
        (raw.one, 1, 0.0, "_one"),
    ):
        total, box, count = plain(branch, xyxy, label, places, gamma)
        np.testing.assert_allclose(sums[f"classification{ending}"], total, rtol=1e-5)
        np.testing.assert_allclose(sums[f"box{ending}"], box, rtol=1e-5)
        assert float(counts[f"box{ending}"]) == count


def some_boxes():
    xyxy = jnp.array([[[3.0, 4, 15, 17], [12, 9, 30, 29]]])
    return ground_truth(xyxy, jnp.array([[2, 0]]), jnp.ones((1, 2), bool))
