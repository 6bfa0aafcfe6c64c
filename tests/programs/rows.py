"""Which rows of an image each element of an output sees, by a walk and by trying."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from genjax.programs import dependence

LAYOUT = ("NHWC", "HWIO", "NHWC")
SHAPE = (1, 12, 12, 2)


def conv(x, size=3, **kwargs):
    kernel = jnp.ones((size, size, x.shape[-1], 2))
    arguments = {"window_strides": (1, 1), "padding": "SAME"} | kwargs
    return lax.conv_general_dilated(x, kernel, dimension_numbers=LAYOUT, **arguments)


def rows_seen(function):
    """The rows that each element of the output sees, by the walk."""
    found = dependence(function, jax.ShapeDtypeStruct(SHAPE, jnp.float32))
    (sight,) = found.sights
    out = jax.tree.leaves(found.shapes)[0].shape
    return np.broadcast_to(sight.seen[1][..., :-1], (*out, SHAPE[1])), found.notes


def assert_sees_what_moves_it(function, *, hides=False):
    """Each element sees the rows that move it, and others only where one can hide."""
    seen, notes = rows_seen(function)
    point = jax.random.uniform(jax.random.key(0), SHAPE) + 0.5
    blank = np.asarray(function(point))

    def moved(row):
        return np.asarray(function(point.at[:, row].add(100.0))) != blank

    truth = np.stack([moved(row) for row in range(SHAPE[1])], axis=-1)
    assert not (truth & ~seen).any()
    if not hides:
        np.testing.assert_array_equal(seen, truth)
    assert notes.unknown == []
