import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from genjax.detection import (
    ciou,
    diou,
    giou,
    iou,
    pairwise_iou,
    wasserstein_similarity,
)

corner = st.integers(-8, 8)
side = st.integers(1, 9)
boxes = st.tuples(corner, corner, side, side)


def grid_overlap(a, b):
    """Counts unit cells: the definition, for boxes in whole pixels."""

    def cells(box):
        x, y, w, h = box
        return {(i, j) for i in range(x, x + w) for j in range(y, y + h)}

    shared, whole = cells(a) & cells(b), cells(a) | cells(b)
    left, top = min(a[0], b[0]), min(a[1], b[1])
    right = max(a[0] + a[2], b[0] + b[2])
    bottom = max(a[1] + a[3], b[1] + b[3])
    hull = (right - left) * (bottom - top)
    overlap = len(shared) / len(whole)
    return overlap, overlap - (hull - len(whole)) / hull


def xyxy(box):
    x, y, w, h = box
    return jnp.array([x, y, x + w, y + h], jnp.float32)


@settings(max_examples=60, deadline=None)
@given(boxes, boxes)
def test_both_are_counts_of_cells(a, b):
    wanted = grid_overlap(a, b)
    np.testing.assert_allclose(iou(xyxy(a), xyxy(b)), wanted[0], atol=1e-6)
    np.testing.assert_allclose(giou(xyxy(a), xyxy(b)), wanted[1], atol=1e-6)


OVERLAPS = [iou, giou, diou, ciou, wasserstein_similarity]


@pytest.mark.parametrize("loss", OVERLAPS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 1, 3, 3], [1.0, 1, 3, 3]),
        ([0.0, 0, 0, 0], [0.0, 0, 0, 0]),
        ([2.0, 2, 2, 2], [1.0, 1, 3, 3]),
        ([3.0, 3, 1, 1], [1.0, 1, 3, 3]),
        ([1e4, 1e4, 2e4, 2e4], [-2e4, -2e4, -1e4, -1e4]),
        ([0.0, 0, 1e-10, 1e-10], [5e-11, 0, 3e-10, 1e-10]),
        ([-1e9, -1e9, 1e9, 1e9], [0.0, 0, 1e9, 1e9]),
    ],
    ids=["perfect", "padded", "a point", "inside out", "far apart", "tiny", "huge"],
)
def test_gradients_are_finite_at_the_edges(loss, a, b):
    value, gradient = jax.value_and_grad(lambda x: loss(x, jnp.array(b)))(jnp.array(a))
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("loss", OVERLAPS)
def test_gradients_of_random_padded_and_degenerate_pairs_are_finite(loss):
    keys = jax.random.split(jax.random.key(0), 4)
    corner = jax.random.normal(keys[0], (2, 100_000, 2))
    corner = corner * 10 ** jax.random.uniform(keys[1], (2, 100_000, 1), maxval=6.0)
    side = jax.random.normal(keys[2], (2, 100_000, 2)) * 30
    # A third is padding, a point, or without width; a third equals its pair.
    kind = jax.random.randint(keys[3], (100_000, 1), 0, 9)
    side = jnp.where(kind[None] == 0, 0.0, side)
    side = side.at[..., 0].set(jnp.where(kind[None, :, 0] == 1, 0.0, side[..., 0]))
    boxes = jnp.concatenate([corner, corner + side], axis=-1)
    boxes = jnp.where(kind[None] == 2, 0.0, boxes)
    other = jnp.where(kind >= 6, boxes[0], boxes[1])
    value, back = jax.jit(jax.vjp, static_argnums=0)(loss, boxes[0], other)
    assert np.all(np.isfinite(value))
    assert np.all(np.abs(value) <= 2)
    for gradient in back(jnp.ones_like(value)):
        assert np.all(np.isfinite(gradient))


def test_distances_and_shapes_cost_as_in_the_papers():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = (np.sort(rng.uniform(0, 9, (2, 2)), axis=0).ravel() for _ in range(2))
        overlap = float(iou(jnp.asarray(a), jnp.asarray(b)))
        centres = [(x[:2] + x[2:]) / 2 for x in (a, b)]
        sides = [x[2:] - x[:2] for x in (a, b)]
        hull = np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2])
        apart = np.sum((centres[0] - centres[1]) ** 2)
        far = overlap - apart / np.sum(hull**2)
        angles = [np.arctan(w / h) for w, h in sides]
        v = 4 / np.pi**2 * (angles[0] - angles[1]) ** 2
        unlike = far - v**2 / (1 - overlap + v)
        distance = np.sqrt(apart + np.sum((sides[0] - sides[1]) ** 2) / 4)
        pair = jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32)
        np.testing.assert_allclose(diou(*pair), far, atol=1e-5)
        np.testing.assert_allclose(ciou(*pair), unlike, atol=1e-5)
        alike = wasserstein_similarity(*pair, scale=5.0)
        np.testing.assert_allclose(alike, np.exp(-distance / 5), rtol=1e-4)


def test_giou_pulls_boxes_together_that_do_not_meet():
    a, b = jnp.array([0.0, 0, 1, 1]), jnp.array([5.0, 0, 6, 1])
    assert float(jax.grad(lambda x: iou(x, b))(a).sum()) == 0
    assert float(jax.grad(lambda x: giou(x, b))(a)[2]) > 0


def test_all_pairs_are_single_pairs():
    a = jax.random.uniform(jax.random.key(0), (3, 4)) + jnp.array([[0.0, 0, 1, 1]])
    pairs = pairwise_iou(a, a)
    for i in range(3):
        np.testing.assert_allclose(pairs[i], iou(a[i][None], a), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "side"),
    [
        (jnp.bfloat16, 512),
        (jnp.float16, 512),
        (jnp.uint8, 200),
        (jnp.int16, 512),
        (jnp.int32, 60_000),
    ],
)
def test_no_area_overflows_in_a_narrow_type(dtype, side):
    a = jnp.array([0, 0, side, side], dtype)
    b = jnp.array([0, 0, side, side // 2], dtype)
    assert (
        float(iou(a, b)) == float(giou(a, b)) == pairwise_iou(a[None], b[None]) == 0.5
    )


def test_the_overlap_with_nan_is_nan():
    box, unknown = jnp.array([0.0, 0.0, 2.0, 2.0]), jnp.array([0.0, 0.0, 2.0, jnp.nan])
    for overlap in OVERLAPS:
        assert np.isnan(overlap(box, unknown))
        assert np.isnan(overlap(unknown, box))
