import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError

LEVELS = tuple(
    jax.random.normal(jax.random.key(n), (2, 8 // n, 8 // n, 4)) for n in (1, 2)
)
INDEX, BOX = (
    jnp.array([[0, 70, 5]] * 2),
    jax.random.uniform(jax.random.key(3), (2, 3, 4)),
)


def test_queries_do_not_depend_on_their_order():
    module = nn.QueryDecoder(classes=3, width=16, layers=2)
    variables = jax.jit(module.init)(jax.random.key(0), LEVELS, INDEX, BOX)
    first = module.apply(variables, LEVELS, INDEX, BOX)
    turned = module.apply(variables, LEVELS, INDEX[:, ::-1], BOX[:, ::-1])
    for name in first:
        for a, b in zip(first[name], turned[name], strict=True):
            np.testing.assert_allclose(a, b[:, ::-1], atol=1e-5)


def test_boxes_begin_where_the_proposals_are():
    module = nn.QueryDecoder(classes=3, width=16, layers=2)
    variables = jax.jit(module.init)(jax.random.key(0), LEVELS, INDEX, BOX)
    for box in module.apply(variables, LEVELS, INDEX, BOX)["box"]:
        np.testing.assert_allclose(box, jnp.clip(BOX, 1e-3, 1 - 1e-3), atol=1e-6)


def test_a_query_looks_near_its_box_first():
    module = nn.QueryDecoder(classes=3, width=16, layers=1)
    box = jnp.tile(jnp.array([0.2, 0.2, 0.1, 0.1]), (2, 3, 1))
    variables = jax.jit(module.init)(jax.random.key(0), LEVELS, INDEX * 0, box)

    def score(levels):
        return jnp.sum(module.apply(variables, levels, INDEX * 0, box)["logits"][0])

    seen = np.abs(jax.grad(score)(LEVELS)[0]).sum(axis=(0, 3))
    assert seen[1:3, 1:3].sum() > 100 * seen[5:, 5:].sum()


def test_it_computes_in_its_dtype_and_returns_float32():
    whole, half = (
        nn.QueryDecoder(classes=3, width=16, layers=1, dtype=dtype)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    variables = jax.jit(whole.init)(jax.random.key(0), LEVELS, INDEX, BOX)
    found = [m.apply(variables, LEVELS, INDEX, BOX) for m in (whole, half)]
    for name in ("logits", "box"):
        assert found[1][name][0].dtype == jnp.float32
        np.testing.assert_allclose(found[0][name][0], found[1][name][0], atol=0.1)


@pytest.mark.parametrize(
    ("how", "levels", "message"),
    [
        ({"heads": 3}, LEVELS, "multiple of 8 and of the 3 heads, got 16"),
        ({"heads": 0}, LEVELS, "layers and heads must be at least 1, got 3 and 0"),
        ({}, (LEVELS[0], LEVELS[1][..., :2]), r"as many channels each, got \[4, 2\]"),
    ],
)
def test_what_does_not_fit_is_a_sentence(how, levels, message):
    with pytest.raises(InputError, match=message):
        nn.QueryDecoder(classes=3, width=16, **how).init(
            jax.random.key(0), levels, INDEX, BOX
        )
