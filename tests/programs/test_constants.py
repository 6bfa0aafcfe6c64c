import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.programs._constants import LARGEST, Constant, at_rank, constants


def last(function, *arrays):
    """What the last equation of a program makes of constants."""
    (equation,) = jax.make_jaxpr(function)(*arrays).eqns
    return constants(equation, [Constant(a.shape, lambda a=a: a) for a in arrays])[0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: -x,
        lambda x: jax.lax.broadcast_in_dim(x, (2, 3), (1,)),
        lambda x: jax.lax.reduce_max(x, axes=(0,)),
        lambda x: jax.lax.rev(x, (0,)),
    ],
)
def test_an_equation_is_evaluated_as_it_runs(function):
    x = np.array([1.0, -2.0, 3.0], np.float32)
    np.testing.assert_array_equal(last(function, x).whole(), function(jnp.asarray(x)))


def test_what_is_the_same_everywhere_is_kept_once():
    one = np.ones((1,), np.float32)
    spread = last(lambda x: jax.lax.broadcast_in_dim(x, (4000, 4000), (1,)), one)
    assert spread.value().shape == (1, 1)
    assert spread.whole() is None  # more than LARGEST elements
    assert LARGEST < 4000 * 4000
    assert at_rank(one, 3).shape == (1, 1, 1)


def test_random_numbers_are_not_drawn():
    equations = jax.make_jaxpr(lambda: jax.random.key(0))().eqns
    assert constants(equations[-1], [Constant(())])[0].value() is None
