import jax.numpy as jnp
import pytest

from genjax.detection import area, ground_truth
from genjax.errors import InputError


def test_degenerate_boxes_are_padding():
    xyxy = jnp.array([[0.0, 0, 2, 2], [3, 3, 3, 5], [4, 4, 2, 6]])
    boxes = ground_truth(xyxy, jnp.zeros(3, jnp.int32), jnp.array([True] * 3))
    assert boxes.valid.tolist() == [True, False, False]
    assert area(xyxy).tolist() == [4.0, 0.0, 0.0]


def test_fractions_and_names_are_no_boxes():
    half, one = jnp.array([[0.1, 0.2, 0.5, 0.6]]), jnp.ones(1, bool)
    with pytest.raises(InputError, match="multiply them by width and height"):
        ground_truth(half, jnp.zeros(1, jnp.int32), one)
    with pytest.raises(InputError, match="labels are integers"):
        ground_truth(10 * half, jnp.zeros(1), one)
    sizes = jnp.array([[30.0, 40.0, 12.0, 9.0]])
    with pytest.raises(InputError, match="left, top, width and height, add the first"):
        ground_truth(sizes, jnp.zeros(1, jnp.int32), one)


def test_shapes_must_belong_together():
    with pytest.raises(InputError, match=r"got \(3, 4\), \(2,\), \(3,\) and \(3,\)"):
        ground_truth(jnp.zeros((3, 4)), jnp.zeros(2, jnp.int32), jnp.ones(3, bool))
