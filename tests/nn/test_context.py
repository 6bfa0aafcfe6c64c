import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.receptive_field import receptive_field

LEVELS = (jnp.ones((1, 12, 12, 4)), jnp.ones((1, 6, 6, 4)))


@pytest.mark.parametrize(
    "module", [nn.ContextModule(features=8), nn.RingContext(features=8)]
)
def test_context_reaches_three_places_and_is_shared_by_levels(module):
    variables = module.init(jax.random.key(0), LEVELS)
    field = receptive_field(
        lambda x, v: module.apply(v, (x,))[0], (1, 24, 24, 4), variables
    )
    assert field.size == (7, 7)
    first, second = module.apply(variables, (LEVELS[0], LEVELS[0]))
    np.testing.assert_array_equal(first, second)


def test_another_width_is_a_sentence():
    with pytest.raises(InputError, match="must be a multiple of 4, got 6"):
        nn.ContextModule(features=6).init(jax.random.key(0), LEVELS)


def test_a_ring_is_the_mean_of_what_surrounds_a_place():
    x = jax.random.normal(jax.random.key(0), (2, 6, 9, 3))
    module = nn.RingContext(features=6, inner=1, outer=5)
    found = np.asarray(module._ring(x))
    for row in range(6):
        for column in range(9):
            rows = slice(max(row - 2, 0), row + 3)
            columns = slice(max(column - 2, 0), column + 3)
            part = np.asarray(x[:, rows, columns]).reshape(2, -1, 3)
            rest = part.sum(axis=1) - np.asarray(x[:, row, column])
            wanted = rest / (part.shape[1] - 1)
            np.testing.assert_allclose(found[:, row, column], wanted, atol=1e-5)


@pytest.mark.parametrize(("inner", "outer"), [(3, 3), (2, 5), (0, 3)])
def test_windows_that_are_no_ring_are_a_sentence(inner, outer):
    module = nn.RingContext(features=8, inner=inner, outer=outer)
    with pytest.raises(InputError, match="must be odd and ascending, got"):
        module.init(jax.random.key(0), LEVELS)
