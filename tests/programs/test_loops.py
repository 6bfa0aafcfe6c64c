import jax
import jax.numpy as jnp
import pytest
from jax import lax

from genjax.programs import dependence
from tests.programs.rows import (
    assert_sees_what_moves_it,
    conv,
)

CASES = {
    "scanned": lambda x: lax.scan(lambda c, _: (conv(c), None), x, None, length=3)[0],
    "scanned rows": lambda x: lax.map(lambda row: row * 2, x[0]),
    "carried along rows": lambda x: lax.scan(lambda c, r: (c + r, c), x[0, 0], x[0])[1],
    "counted": lambda x: lax.fori_loop(0, 3, lambda i, y: conv(y), x),
    "branched": lambda x: lax.cond(True, conv, lambda y: conv(conv(y)), x),
    "mapped places": lambda x: x[:, lax.map(lambda i: (i * 5) % 12, jnp.arange(12))],
}


@pytest.mark.parametrize("function", CASES.values(), ids=CASES.keys())
def test_each_element_sees_the_rows_that_move_it(function):
    assert_sees_what_moves_it(function)


def test_a_long_loop_is_followed_to_its_end():
    x = jax.ShapeDtypeStruct((800,), jnp.float32)

    def turned(x):
        return lax.scan(lambda c, _: (jnp.roll(c, 1), None), x, None, length=700)[0][:3]

    found = dependence(turned, x)
    assert found.sights[0].seen[0][..., :-1].all()
    assert "more than 512 steps" in found.notes.unknown[0]
