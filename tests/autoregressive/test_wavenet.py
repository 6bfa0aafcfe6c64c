import jax
import numpy as np
import pytest

from genjax.autoregressive import laplace_mixture, wavenet
from genjax.errors import InputError
from tests.laws.instances import moved, outputs_of


def test_outputs_reach_back_by_powers_of_two():
    x = jax.random.normal(jax.random.key(0), (2, 12))

    def make(conditional):
        return wavenet(channels=4, layers=2, conditional=conditional)

    params = moved(make(laplace_mixture(1)).init(jax.random.key(1), x))
    outputs = outputs_of(make, size=4)
    jacobian = jax.jit(jax.jacrev(outputs, argnums=1))(params, x[0])
    seen = np.abs(np.asarray(jacobian)).max(axis=1) > 0
    wanted = np.tril(np.ones((12, 12), bool), -1) & ~np.tril(
        np.ones((12, 12), bool), -5
    )
    np.testing.assert_array_equal(seen, wanted)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="layers must be at least 1, got 0"):
        wavenet(channels=4, layers=0)
