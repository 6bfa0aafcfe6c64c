import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.checks import check_condition, check_order, check_prefix
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
