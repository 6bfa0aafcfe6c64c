import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.checks import check_condition, check_order, check_prefix, depends_on
from genjax.errors import InputError


@pytest.mark.parametrize(
    ("order", "dim", "sentence"),
    [
        ((0, 1, 1), None, r"0 ... 2 once, got \[0, 1, 1\]"),
        ((0, 1), 3, r"0 ... 2 once, got \[0, 1\]"),
        (((0, 1),), None, r"0 ... 1 once, got \[\[0, 1\]\]"),
    ],
)
def test_what_is_no_permutation_is_named(order, dim, sentence):
    with pytest.raises(InputError, match="user: order must hold each of " + sentence):
        check_order("user", order, dim=dim)


@pytest.mark.parametrize(
    ("width", "shape"), [(0, (3, 2)), (2, None), (2, (3, 4)), (2, (1, 2))]
)
def test_a_condition_that_does_not_fit_is_named(width, shape):
    condition = None if shape is None else jnp.ones(shape)
    with pytest.raises(InputError, match=rf"user: .* the shape \(3, {width}\), got"):
        check_condition("user", width, condition, 3)


def test_what_fits_passes():
    check_condition("user", 2, jnp.ones((3, 2)), 3)
    assert check_order("user", [1, 0], dim=2).tolist() == [1, 0]


def test_orders_are_integers():
    for order in ((True, False), (0.0, 1.0)):
        with pytest.raises(InputError, match="once, got"):
            check_order("test", order)


def test_a_traced_mask_is_a_sentence():
    def masked(mask):
        return check_prefix("test", mask, np.arange(2)).sum()

    with pytest.raises(InputError, match="close over it"):
        jax.jit(masked)(np.ones(2, bool))


def test_what_a_function_reads_is_seen_through_loops_and_branches():
    def scanned(x):
        return jax.lax.scan(lambda c, _: (c + x, None), jnp.zeros(2), None, length=3)[0]

    def chosen(x):
        return jax.lax.cond(x[0] > 0, lambda: 1.0, lambda: 2.0)

    def ignored(x):
        return {"a": jnp.ones(len(x)), "b": jnp.zeros(())}

    x = jnp.ones(2)
    assert depends_on(scanned, x)
    assert depends_on(jax.jit(chosen), x)
    assert not depends_on(jax.checkpoint(ignored), x)
    assert depends_on(lambda x: (jnp.ones(2), jax.nn.relu(x)), x)
