import jax
import jax.numpy as jnp
import pytest

from genjax.programs import dependence
from tests.programs.rows import (
    SHAPE,
    assert_sees_what_moves_it,
    conv,
)

CASES = {
    "residual": lambda x: x + conv(conv(x)),
    "places": lambda x: conv(x) + jnp.arange(12.0)[None, :, None, None],
    "jitted": lambda x: jax.jit(jax.nn.relu)(conv(x)),
    "rematerialised": lambda x: jax.checkpoint(conv)(x),
}


@pytest.mark.parametrize("function", CASES.values(), ids=CASES.keys())
def test_each_element_sees_the_rows_that_move_it(function):
    assert_sees_what_moves_it(function)


def test_joins_of_other_centres_are_named():
    def fitting(x):
        return conv(x, window_strides=(2, 2)) + x[:, 1::2, 1::2]

    def off(x):
        return conv(x, 3, window_strides=(2, 2)) + conv(x, 2, window_strides=(2, 2))

    x = jax.ShapeDtypeStruct((1, 32, 32, 2), jnp.float32)
    assert dependence(fitting, x).notes.joins == []
    joins = dependence(off, x).notes.joins
    assert {(j.axis, float(j.centres)) for j in joins} == {(1, 0.5), (2, 0.5)}
    assert all("add" in join.where for join in joins)


def test_unions_that_are_no_products_are_named():
    x = jax.ShapeDtypeStruct(SHAPE, jnp.float32)
    cross = dependence(lambda x: jnp.roll(x, 1, 1) + jnp.roll(x, 1, 2), x)
    assert cross.notes.unions
    assert dependence(lambda x: x + conv(x), x).notes.unions == []
