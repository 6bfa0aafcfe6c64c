import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import nms
from genjax.errors import InputError

SIZES = (0, 1, 7, 40, 300)


def greedy(xyxy, score, valid, threshold, label=None):
    """One box after another, as the definition says, in float32."""
    order = [i for i in np.argsort(-score, kind="stable") if valid[i]]
    size = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0).prod(axis=1)
    keep = np.zeros(len(xyxy), bool)
    for i in order:
        others = np.flatnonzero(keep)
        low = np.maximum(xyxy[i, :2], xyxy[others, :2])
        high = np.minimum(xyxy[i, 2:], xyxy[others, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        union = size[i] + size[others] - shared
        overlap = np.where(union > 0, shared / np.where(union > 0, union, 1), 0)
        same = (
            np.ones(len(others), bool) if label is None else label[others] == label[i]
        )
        keep[i] = not np.any((overlap > threshold) & same)
    return keep


def random_case(rng, n):
    """Boxes on a coarse lattice: many ties, exact overlaps, negative coordinates."""
    corner = rng.integers(-40, 40, (n, 2)) / 4
    xyxy = np.concatenate([corner, corner + rng.integers(0, 48, (n, 2)) / 4], axis=1)
    score = rng.integers(0, max(n // 2, 1) + 1, n) / 8
    label = rng.integers(0, 3, n)
    return (
        xyxy.astype(np.float32),
        score.astype(np.float32),
        rng.random(n) < rng.choice([0.0, 0.5, 1.0], p=[0.1, 0.3, 0.6]),
        label.astype(np.int32),
    )


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("by_class", [False, True])
def test_the_indices_are_those_of_the_greedy_loop(n, by_class):
    """1,000 random cases over all sizes."""
    rng = np.random.default_rng(n)
    thresholds = (0.0, 0.25, 0.5, 0.75, 1.0)
    compiled = {
        t: jax.jit(
            lambda x, s, v, c, t=t: nms(
                x, s, v, iou_threshold=t, label=c if by_class else None
            )
        )
        for t in thresholds
    }
    for case in range(100):
        threshold = thresholds[case % 5]
        xyxy, score, valid, label = random_case(rng, n)
        found = compiled[threshold](xyxy, score, valid, label)
        wanted = greedy(xyxy, score, valid, threshold, label if by_class else None)
        np.testing.assert_array_equal(found, wanted)


def test_batches_by_vmap_are_single_images():
    rng = np.random.default_rng(0)
    cases = [random_case(rng, 60)[:3] for _ in range(4)]
    stacked = [jnp.asarray(np.stack(leaves)) for leaves in zip(*cases, strict=True)]
    found = jax.vmap(lambda x, s, v: nms(x, s, v, iou_threshold=0.4))(*stacked)
    for keep, case in zip(found, cases, strict=True):
        np.testing.assert_array_equal(keep, greedy(*case, 0.4))


def test_a_bad_threshold_is_a_sentence():
    with pytest.raises(InputError, match=r"must be in \[0, 1\], got 50"):
        nms(jnp.zeros((1, 4)), jnp.zeros(1), jnp.ones(1, bool), iou_threshold=50.0)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.int16, jnp.int32])
def test_boxes_may_be_of_any_type(dtype):
    scale = 120 if dtype == jnp.int32 else 1
    xyxy = scale * jnp.array([[0, 0, 512, 512], [0, 0, 512, 500]], dtype)
    keep = nms(xyxy, jnp.array([0.9, 0.8]), jnp.ones(2, bool), iou_threshold=0.5)
    assert keep.tolist() == [True, False]
