import jax.numpy as jnp
import pytest

from genjax.detection import area, ground_truth
from genjax.errors import InputError


def test_degenerate_boxes_are_padding():
    xyxy = jnp.array([[0.0, 0, 2, 2], [3, 3, 3, 5], [4, 4, 2, 6]])
    boxes = ground_truth(xyxy, jnp.zeros(3, jnp.int32), jnp.array([True] * 3))
    assert boxes.valid.tolist() == [True, False, False]
    assert area(xyxy).tolist() == [4.0, 0.0, 0.0]


def test_shapes_must_belong_together():
    with pytest.raises(InputError, match=r"got \(3, 4\), \(2,\) and \(3,\)"):
        ground_truth(jnp.zeros((3, 4)), jnp.zeros(2, jnp.int32), jnp.ones(3, bool))
