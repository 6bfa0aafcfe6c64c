import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flow_matching import flow_inpaint, normal_mixture_velocity

KEY = jax.random.key(0)
OBSERVED = jnp.array([True, False, False])


def test_an_inpainted_flow_agrees_with_what_is_observed():
    # Two modes: what is observed tells which one.
    means = jnp.array([[2.0, 2.0], [-2.0, -2.0]])
    network = normal_mixture_velocity(means, scale=0.5)
    x = jnp.tile(jnp.array([[1.8, 0.0]]), (2000, 1))
    observed = jnp.array([True, False])

    def right_mode(resamples):
        completed = flow_inpaint(
            network, {}, KEY, x, observed, steps=50, resamples=resamples
        )
        np.testing.assert_array_equal(completed[:, 0], x[:, 0])
        return completed[:, 1]

    drawn = right_mode(10)
    assert float((drawn > 0).mean()) > 0.98
    near = drawn[drawn > 0]
    assert abs(float(near.mean()) - 2.0) < 0.1
    assert abs(float(near.std()) - 0.5) < 0.1
    assert float((right_mode(1) > 0).mean()) < float((drawn > 0).mean())


@pytest.mark.parametrize("settings", [{"steps": 0}, {"steps": 2, "resamples": 0}])
def test_steps_are_positive(settings):
    network = normal_mixture_velocity(jnp.zeros((1, 3)), scale=1.0)
    with pytest.raises(InputError, match="must be at least 1, got"):
        flow_inpaint(network, {}, KEY, jnp.ones((2, 3)), OBSERVED, **settings)
