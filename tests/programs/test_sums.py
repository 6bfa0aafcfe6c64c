import jax
import jax.numpy as jnp
import pytest
from jax import lax

from genjax.nn import max_pool
from genjax.programs import dependence
from tests.programs.rows import (
    LAYOUT,
    SHAPE,
    assert_sees_what_moves_it,
    conv,
)


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
    "average": lambda x: lax.reduce_window(
        x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
    ),
    "summed over columns": lambda x: conv(x).sum(axis=2),
    "dense": lambda x: conv(x) @ jnp.ones((2, 5)),
    "triangular": lambda x: jnp.einsum(
        "bhwc,gh->bgwc", x, jnp.tril(jnp.ones((12, 12)))
    ),
    "cumulative": lambda x: jnp.cumsum(x, axis=1),
    "cumulative from the end": lambda x: lax.cumsum(x, axis=1, reverse=True),
    "associative": lambda x: lax.associative_scan(jnp.add, x, axis=1),
    "resized": lambda x: jax.image.resize(conv(x), (1, 24, 24, 2), "linear"),
    "cubic": lambda x: jax.image.resize(x, (1, 24, 24, 2), "cubic"),
    "resized and padded": lambda x: conv(
        jax.image.resize(conv(x), (1, 24, 24, 2), "linear")
    ),
    "reduced by a function": lambda x: lax.reduce(
        conv(x), jnp.float32(0), lambda a, b: a + 2 * b, (3,)
    ),
    "global": lambda x: x.mean(axis=(1, 2)),
}
HIDING = {
    "pooled": lambda x: lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"
    ),
    "pooled by slices": lambda x: max_pool(x, (2, 2)),
    "masked group by group": lambda x: lax.conv_general_dilated(
        x,
        jnp.ones((3, 3, 1, 2)) * jnp.tril(jnp.ones((3, 3)))[:, :, None, None],
        (1, 1),
        "SAME",
        dimension_numbers=LAYOUT,
        feature_group_count=2,
    ),
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
    "sorted channels": lambda x: jnp.sort(conv(x), axis=3),
    "top of channels": lambda x: lax.top_k(conv(x), 1)[0],
    "softmax of channels": lambda x: jax.nn.softmax(conv(x)),
    "windows of attention": windows_of_attention,
}
"""A maximum hides what is below it, and a softmax what is far below; sets of rows and
of columns are kept apart; a softmax of one term is constant."""


@pytest.mark.parametrize("function", CASES.values(), ids=CASES.keys())
def test_each_element_sees_the_rows_that_move_it(function):
    assert_sees_what_moves_it(function)


@pytest.mark.parametrize("function", HIDING.values(), ids=HIDING.keys())
def test_what_can_be_hidden_is_seen_too(function):
    assert_sees_what_moves_it(function, hides=True)


def test_reductions_over_all_are_context_where_asked():
    x = jax.ShapeDtypeStruct(SHAPE, jnp.float32)

    def excited(x):
        return conv(x) * jax.nn.sigmoid(x.mean(axis=(1, 2), keepdims=True))

    whole, local = (dependence(excited, x, whole=w).sights[0] for w in (True, False))
    assert whole.seen[1][..., :-1].all()
    assert local.seen[1].sum() < whole.seen[1].sum()
    assert any("reduce_sum" in name for name in local.context[1])
