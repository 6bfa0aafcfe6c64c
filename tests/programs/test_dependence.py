import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from genjax.nn import max_pool
from genjax.programs import dependence

LAYOUT = ("NHWC", "HWIO", "NHWC")
SHAPE = (1, 12, 12, 2)


def conv(x, size=3, **kwargs):
    kernel = jnp.ones((size, size, x.shape[-1], 2))
    arguments = {"window_strides": (1, 1), "padding": "SAME"} | kwargs
    return lax.conv_general_dilated(x, kernel, dimension_numbers=LAYOUT, **arguments)


def split_space(x):
    b, h, w, c = x.shape
    parts = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(b, h // 2, w // 2, 4 * c)


def merged_space(x):
    b, h, w, c = x.shape
    parts = x.reshape(b, h, w, 1, 2, c // 2).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(b, h, 2 * w, c // 2)


def windows_of_attention(x):
    tokens = x.reshape(3, 4, 12, 2)
    return jax.nn.softmax(jnp.einsum("gthc,gshc->gths", tokens, tokens), axis=1)


CASES = {
    "strided": lambda x: conv(x, window_strides=(2, 2)),
    "dilated": lambda x: conv(x, rhs_dilation=(2, 2)),
    "transposed": lambda x: conv(x, lhs_dilation=(2, 2), padding=((1, 2), (1, 2))),
    "grouped": lambda x: lax.conv_general_dilated(
        x,
        jnp.ones((3, 3, 1, 2)),
        (1, 1),
        "VALID",
        dimension_numbers=LAYOUT,
        feature_group_count=2,
    ),
    "kernel with zeros": lambda x: lax.conv_general_dilated(
        x,
        jnp.ones((3, 3, 2, 2)) * jnp.array([1.0, 0.0, 1.0])[:, None, None, None],
        (1, 1),
        "SAME",
        dimension_numbers=LAYOUT,
    ),
    "patches": lambda x: lax.conv_general_dilated_patches(
        x, (3, 3), (2, 2), "VALID", dimension_numbers=LAYOUT
    ),
    "pooled": lambda x: lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"
    ),
    "pooled by slices": lambda x: max_pool(x, (2, 2)),
    "average": lambda x: lax.reduce_window(
        x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
    ),
    "padded": lambda x: conv(jnp.pad(x, ((0, 0), (3, 1), (0, 0), (0, 0))), 2),
    "cut and holed": lambda x: lax.pad(
        x, 0.0, ((0, 0, 0), (-2, 1, 1), (0, 0, 0), (0, 0, 0))
    ),
    "residual": lambda x: x + conv(conv(x)),
    "concatenated": lambda x: jnp.concatenate([x, conv(x, 5)], axis=3),
    "split again": lambda x: jnp.split(jnp.concatenate([x, conv(x, 5)], 3), 2, 3)[0],
    "stacked": lambda x: jnp.stack([x, conv(x)], axis=-1),
    "stacked rows": lambda x: jnp.concatenate([x[:, :3], conv(x)[:, 5:]], axis=1),
    "transposed axes": lambda x: conv(x).transpose(0, 3, 1, 2),
    "flattened": lambda x: conv(x).reshape(1, 12, -1),
    "space to depth": split_space,
    "depth to space": merged_space,
    "windows of attention": windows_of_attention,
    "reversed": lambda x: conv(x)[:, ::-1],
    "rolled": lambda x: jnp.roll(conv(x), 3, axis=1),
    "tiled": lambda x: jnp.tile(x, (1, 2, 1, 1)),
    "summed over columns": lambda x: conv(x).sum(axis=2),
    "dense": lambda x: conv(x) @ jnp.ones((2, 5)),
    "triangular": lambda x: jnp.einsum(
        "bhwc,gh->bgwc", x, jnp.tril(jnp.ones((12, 12)))
    ),
    "cumulative": lambda x: jnp.cumsum(x, axis=1),
    "cumulative from the end": lambda x: lax.cumsum(x, axis=1, reverse=True),
    "associative": lambda x: lax.associative_scan(jnp.add, x, axis=1),
    "repeated": lambda x: x.repeat(2, axis=1),
    "resized": lambda x: jax.image.resize(conv(x), (1, 24, 24, 2), "linear"),
    "cubic": lambda x: jax.image.resize(x, (1, 24, 24, 2), "cubic"),
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
    "resized and padded": lambda x: conv(
        jax.image.resize(conv(x), (1, 24, 24, 2), "linear")
    ),
    "masked group by group": lambda x: lax.conv_general_dilated(
        x,
        jnp.ones((3, 3, 1, 2)) * jnp.tril(jnp.ones((3, 3)))[:, :, None, None],
        (1, 1),
        "SAME",
        dimension_numbers=LAYOUT,
        feature_group_count=2,
    ),
    "holes alone": lambda x: lax.pad(
        x, 0.0, ((0, 0, 0), (0, -11, 1), *[(0, 0, 0)] * 2)
    ),
    "filled by itself": lambda x: lax.pad(
        x[:, 1:], x[0, 0, 0, 0], ((0, 0, 0), (-1, 2, 1), (0, 0, 0), (0, 0, 0))
    ),
    "reduced by a function": lambda x: lax.reduce(
        conv(x), jnp.float32(0), lambda a, b: a + 2 * b, (3,)
    ),
    "mapped places": lambda x: x[:, lax.map(lambda i: (i * 5) % 12, jnp.arange(12))],
    "attention to earlier rows": lambda x: (
        jax.nn.softmax(
            jnp.where(
                jnp.tril(jnp.ones((12, 12), bool), -1),
                x[0, :, 0, 0][:, None] * x[0, :, 1, 0][None],
                jnp.finfo("float32").min,
            )
        )
        @ x[0, :, 2]
    ),
    "where": lambda x: jnp.where(jnp.arange(12)[:, None, None] < 5, x, conv(x)),
    "sorted channels": lambda x: jnp.sort(conv(x), axis=3),
    "top of channels": lambda x: lax.top_k(conv(x), 1)[0],
    "softmax of channels": lambda x: jax.nn.softmax(conv(x)),
    "places": lambda x: conv(x) + jnp.arange(12.0)[None, :, None, None],
    "jitted": lambda x: jax.jit(jax.nn.relu)(conv(x)),
    "rematerialised": lambda x: jax.checkpoint(conv)(x),
    "scanned": lambda x: lax.scan(lambda c, _: (conv(c), None), x, None, length=3)[0],
    "scanned rows": lambda x: lax.map(lambda row: row * 2, x[0]),
    "carried along rows": lambda x: lax.scan(lambda c, r: (c + r, c), x[0, 0], x[0])[1],
    "counted": lambda x: lax.fori_loop(0, 3, lambda i, y: conv(y), x),
    "branched": lambda x: lax.cond(True, conv, lambda y: conv(conv(y)), x),
    "global": lambda x: x.mean(axis=(1, 2)),
}


def rows_seen(function):
    """The rows that each element of the output sees, by the walk."""
    found = dependence(function, jax.ShapeDtypeStruct(SHAPE, jnp.float32))
    (sight,) = found.sights
    out = jax.tree.leaves(found.shapes)[0].shape
    return np.broadcast_to(sight.seen[1][..., :-1], (*out, SHAPE[1])), found.notes


@pytest.mark.parametrize("function", CASES.values(), ids=CASES.keys())
def test_each_element_sees_the_rows_that_move_it(function):
    seen, notes = rows_seen(function)
    point = jax.random.uniform(jax.random.key(0), SHAPE) + 0.5
    blank = np.asarray(function(point))

    def moved(row):
        return np.asarray(function(point.at[:, row].add(100.0))) != blank

    truth = np.stack([moved(row) for row in range(SHAPE[1])], axis=-1)
    # A maximum hides what is below it, and a softmax what is far below.
    hides = {"pooled", "pooled by slices", "sorted channels", "top of channels"}
    hides |= {"softmax of channels", "windows of attention"}
    # Sets of rows and of columns are kept apart; a softmax of one term is constant.
    hides |= {"masked group by group", "attention to earlier rows"}
    names = {name for name, own in CASES.items() if own is function}
    assert not (truth & ~seen).any()
    if not names & hides:
        np.testing.assert_array_equal(seen, truth)
    assert notes.unknown == []


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: jnp.linalg.qr(x[0, :, :, 0])[0], "no rule"),
        (lambda x: x[:, jnp.argmax(x[0, :, 0, 0])], "an index that depends on data"),
        (
            lambda x: lax.while_loop(lambda y: y.sum() < 9, lambda y: y + 1, x),
            "as many steps as data say",
        ),
    ],
)
def test_what_cannot_be_followed_is_seen_whole_and_named(function, why):
    seen, notes = rows_seen(function)
    assert seen.all()
    assert any(why in note for note in notes.unknown)


def test_what_decides_is_seen():
    def branch(x):
        return lax.cond(x[0, 5, 0, 0] > 0, lambda y: y, lambda y: 2 * y, x)

    def choice(x):
        return jnp.where(x[0, 5, 0, 0] > 0, x, 2 * x)

    for function in (branch, choice):
        seen, _ = rows_seen(function)
        rows = seen.any(axis=(0, 2, 3))
        np.testing.assert_array_equal(
            rows, np.eye(12, dtype=bool) | (np.arange(12) == 5)
        )


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


def test_a_long_loop_is_followed_to_its_end():
    x = jax.ShapeDtypeStruct((800,), jnp.float32)

    def turned(x):
        return lax.scan(lambda c, _: (jnp.roll(c, 1), None), x, None, length=700)[0][:3]

    found = dependence(turned, x)
    assert found.sights[0].seen[0][..., :-1].all()
    assert "more than 512 steps" in found.notes.unknown[0]


def test_reductions_over_all_are_context_where_asked():
    x = jax.ShapeDtypeStruct(SHAPE, jnp.float32)

    def excited(x):
        return conv(x) * jax.nn.sigmoid(x.mean(axis=(1, 2), keepdims=True))

    whole, local = (dependence(excited, x, whole=w).sights[0] for w in (True, False))
    assert whole.seen[1][..., :-1].all()
    assert local.seen[1].sum() < whole.seen[1].sum()
    assert any("reduce_sum" in name for name in local.context[1])
