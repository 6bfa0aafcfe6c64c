"""Events of another shape than at first are refused in a sentence, never broadcast."""

import jax
import jax.numpy as jnp
import pytest

from genjax.errors import InputError
from tests.laws.registry import BIJECTORS, BINARY, CONDITIONAL, PLANAR, normal_batch

KEY = jax.random.key(0)
DENSITIES = {**BINARY, **PLANAR, **CONDITIONAL}
# What a user's function makes of other shapes is the user's.
MAPS = [name for name in BIJECTORS if name != "invertible"]
OTHERS = {"one": slice(1), "one less": slice(1, None)}


def started(case, *, binary=False):
    x, condition = normal_batch(case)
    x = (x > 0).astype(jnp.float32) if binary else x
    return x, condition, jax.eval_shape(case.method.init, KEY, x, condition)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name, other):
    density = DENSITIES[name].method
    x, condition, variables = started(DENSITIES[name], binary=name in BINARY)
    with pytest.raises(InputError):
        jax.eval_shape(density.log_prob, variables, x[..., OTHERS[other]], condition)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", MAPS)
def test_bijectors(name, other):
    bijector = BIJECTORS[name].method
    x, condition, variables = started(BIJECTORS[name])
    x = x[..., OTHERS[other]]
    for direction in (bijector.forward, bijector.inverse):
        try:
            y, log_det = jax.eval_shape(direction, variables, x, condition)
        except InputError:
            continue
        assert (y.size, log_det.shape) == (x.size, x.shape[:1])
