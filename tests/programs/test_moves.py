import jax.numpy as jnp
import pytest
from jax import lax

from tests.programs.rows import assert_sees_what_moves_it, conv


def split_space(x):
    b, h, w, c = x.shape
    parts = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(b, h // 2, w // 2, 4 * c)


def merged_space(x):
    b, h, w, c = x.shape
    parts = x.reshape(b, h, w, 1, 2, c // 2).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(b, h, 2 * w, c // 2)


CASES = {
    "padded": lambda x: conv(jnp.pad(x, ((0, 0), (3, 1), (0, 0), (0, 0))), 2),
    "cut and holed": lambda x: lax.pad(
        x, 0.0, ((0, 0, 0), (-2, 1, 1), (0, 0, 0), (0, 0, 0))
    ),
    "concatenated": lambda x: jnp.concatenate([x, conv(x, 5)], axis=3),
    "split again": lambda x: jnp.split(jnp.concatenate([x, conv(x, 5)], 3), 2, 3)[0],
    "stacked": lambda x: jnp.stack([x, conv(x)], axis=-1),
    "stacked rows": lambda x: jnp.concatenate([x[:, :3], conv(x)[:, 5:]], axis=1),
    "transposed axes": lambda x: conv(x).transpose(0, 3, 1, 2),
    "flattened": lambda x: conv(x).reshape(1, 12, -1),
    "space to depth": split_space,
    "depth to space": merged_space,
    "reversed": lambda x: conv(x)[:, ::-1],
    "rolled": lambda x: jnp.roll(conv(x), 3, axis=1),
    "tiled": lambda x: jnp.tile(x, (1, 2, 1, 1)),
    "repeated": lambda x: x.repeat(2, axis=1),
    "squeezed": lambda x: conv(x)[0, :, :, 0],
    "picked": lambda x: conv(x)[:, jnp.array([7, 1, 3])],
    "taken": lambda x: jnp.take(conv(x), jnp.arange(0, 12, 3), axis=1),
    "from a place on": lambda x: lax.dynamic_slice(x, (0, 2, 3, 0), (1, 5, 6, 2)),
    "put in": lambda x: conv(x).at[:, 2:4].set(0.0),
    "added to": lambda x: x.at[:, 2:4].add(conv(x)[:, 6:8]),
    "update of a slice": lambda x: lax.dynamic_update_slice(
        x, conv(x)[:, :3], (0, 5, 0, 0)
    ),
    "applied": lambda x: conv(x).at[:, jnp.array([0, 2])].apply(jnp.sin),
    "holes alone": lambda x: lax.pad(
        x, 0.0, ((0, 0, 0), (0, -11, 1), *[(0, 0, 0)] * 2)
    ),
    "filled by itself": lambda x: lax.pad(
        x[:, 1:], x[0, 0, 0, 0], ((0, 0, 0), (-1, 2, 1), (0, 0, 0), (0, 0, 0))
    ),
    "where": lambda x: jnp.where(jnp.arange(12)[:, None, None] < 5, x, conv(x)),
}


@pytest.mark.parametrize("function", CASES.values(), ids=CASES.keys())
def test_each_element_sees_the_rows_that_move_it(function):
    assert_sees_what_moves_it(function)
