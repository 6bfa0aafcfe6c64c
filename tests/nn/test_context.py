import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.receptive_field import receptive_field

LEVELS = (jnp.ones((1, 12, 12, 4)), jnp.ones((1, 6, 6, 4)))


def test_context_reaches_three_places_and_is_shared_by_levels():
    module = nn.ContextModule(features=8)
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
