import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.metrics import with_floor


def test_samples_and_data_are_measured_against_the_same_random_half():
    real, samples = jnp.arange(10.0)[:, None], 100 + jnp.arange(7.0)[:, None]
    seen = []

    def metric(reference, other):
        seen.append((np.asarray(reference)[:, 0], np.asarray(other)[:, 0]))
        return jnp.mean(other)

    found = with_floor(metric, jax.random.key(0), real, samples)
    (reference, fakes), (again, others) = seen
    np.testing.assert_array_equal(reference, again)
    assert sorted([*reference, *others]) == list(range(10))
    assert list(reference) != sorted(reference)
    assert len(fakes) == len(others) == 5
    assert found.value == 102


def test_too_few_samples_are_refused():
    with pytest.raises(InputError, match=r"needs 5 samples.*got 4"):
        with_floor(jnp.subtract, jax.random.key(0), jnp.ones((10, 1)), jnp.ones((4, 1)))
