import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from genjax.detection import giou, iou, pairwise_iou

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


@pytest.mark.parametrize("loss", [iou, giou])
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
    for overlap in (iou(box, unknown), iou(unknown, box), giou(box, unknown)):
        assert np.isnan(overlap)
