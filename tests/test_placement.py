import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings, strategies as st

from genjax.placement import Placement

number = st.floats(-8, 8).filter(lambda x: abs(x) > 0.1)
maps = st.tuples(number, number, st.floats(-50, 50), st.floats(-50, 50))


def placed(values):
    return Placement(jnp.array(values[:2]), jnp.array(values[2:]))


@settings(max_examples=30, deadline=None)
@given(maps, maps)
def test_the_way_back_undoes_and_maps_follow_one_another(one, other):
    first, second = placed(one), placed(other)
    boxes = jnp.array([[1.0, 2.0, 5.0, 9.0], [-3.0, 0.0, 4.0, 1.0]])
    np.testing.assert_allclose(first.back.of(first.of(boxes)), boxes, atol=1e-2)
    twice = second.of(first.of(boxes))
    np.testing.assert_allclose(first.then(second).of(boxes), twice, atol=1e-2)
    assert np.all(twice[:, 2:] >= twice[:, :2])
