import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.nn import max_pool
from genjax.programs import dependence

LAYOUT = ("NHWC", "HWIO", "NHWC")


def seen_of(function, shape=(1, 12, 12, 2)):
    """Rows seen by each row of the output, by the walk."""
    sights, out = dependence(function, jax.ShapeDtypeStruct(shape, jnp.float32))
    span = sights[0][1]
    rows = out.shape[span.axis] if span.axis is not None else 1
    return span.axis, list(zip(span.low[:rows], span.high[:rows], strict=True))


def truth_of(function, axis, shape=(1, 12, 12, 2)):
    """The same by an impulse in every row."""
    blank = np.asarray(function(jnp.zeros(shape)))
    moved = []
    for row in range(shape[1]):
        out = np.asarray(function(jnp.zeros(shape).at[:, row].set(1.0)))
        others = tuple(a for a in range(out.ndim) if a != axis)
        moved.append((out != blank).any(axis=others))
    moved = np.array(moved)
    places = [np.flatnonzero(moved[:, i]) for i in range(moved.shape[1])]
    return [(p.min(), p.max()) if len(p) else (np.inf, -np.inf) for p in places]


def conv(x, size=3, **kwargs):
    kernel = jnp.ones((size, size, x.shape[-1], 2))
    arguments = {"window_strides": (1, 1), "padding": "SAME"} | kwargs
    return jax.lax.conv_general_dilated(
        x, kernel, dimension_numbers=LAYOUT, **arguments
    )


def scanned(x):
    return jax.lax.scan(lambda c, _: (conv(c), None), x, None, length=3)[0]


CASES = {
    "strided": lambda x: conv(x, window_strides=(2, 2)),
    "dilated": lambda x: conv(x, rhs_dilation=(2, 2)),
    "transposed": lambda x: conv(x, lhs_dilation=(2, 2), padding=((1, 2), (1, 2))),
    "grouped": lambda x: jax.lax.conv_general_dilated(
        x,
        jnp.ones((3, 3, 1, 2)),
        (1, 1),
        "VALID",
        dimension_numbers=LAYOUT,
        feature_group_count=2,
    ),
    "pooled": lambda x: jax.lax.reduce_window(
        x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"
    ),
    "pooled by slices": lambda x: max_pool(x, (2, 2)),
    "average": lambda x: jax.lax.reduce_window(
        x, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
    ),
    "padded": lambda x: conv(jnp.pad(x, ((0, 0), (3, 1), (0, 0), (0, 0))), 2),
    "residual": lambda x: x + conv(conv(x)),
    "concatenated": lambda x: jnp.concatenate([x, conv(x, 5)], axis=3),
    "stacked rows": lambda x: jnp.concatenate([x[:, :3], conv(x)[:, 5:]], axis=1),
    "transposed axes": lambda x: conv(x).transpose(0, 3, 1, 2),
    "flattened": lambda x: conv(x).reshape(1, 12, -1),
    "reversed": lambda x: conv(x)[:, ::-1],
    "summed over columns": lambda x: conv(x).sum(axis=2),
    "dense": lambda x: conv(x) @ jnp.ones((2, 5)),
    "cumulative": lambda x: jnp.cumsum(x, axis=1),
    "repeated": lambda x: x.repeat(2, axis=1),
    "squeezed": lambda x: conv(x)[0, :, :, 0],
    "jitted": lambda x: jax.jit(jax.nn.relu)(conv(x)),
    "rematerialised": lambda x: jax.checkpoint(conv)(x),
    "scanned": scanned,
    "branched": lambda x: jax.lax.cond(True, conv, lambda y: conv(conv(y)), x),
    "global": lambda x: x.mean(axis=(1, 2)),
}


@pytest.mark.parametrize("function", CASES.values(), ids=CASES.keys())
def test_the_walk_sees_what_an_impulse_shows(function):
    axis, found = seen_of(function)
    if axis is None:
        assert found == [(0, 11)]
        return
    truth = truth_of(function, axis)
    if function is CASES["branched"]:
        # One branch is taken; the walk stands for both.
        truth = truth_of(lambda x: conv(conv(x)), axis)
    if function is CASES["repeated"] or function is CASES["cumulative"]:
        assert len(found) == len(truth)
    assert found == truth


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.sort(x, axis=1),
        lambda x: jax.lax.reduce(x, jnp.float32(0), lambda a, b: a + 2 * b, (1,)),
    ],
    ids=["sort", "a reduction of one's own"],
)
def test_what_has_no_rule_sees_everything(function):
    axis, found = seen_of(function)
    assert axis is None
    assert found == [(0, 11)]


def test_what_decides_between_branches_is_seen():
    def function(x):
        return jax.lax.cond(x[0, 5, 0, 0] > 0, lambda y: y, lambda y: 2 * y, x)

    _, found = seen_of(function)
    assert found == [(min(row, 5), max(row, 5)) for row in range(12)]
