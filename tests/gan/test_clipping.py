import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.errors import InputError
from genjax.gan import clip_weights


def test_parameters_stay_within_the_limit():
    optimizer = optax.chain(optax.sgd(0.1), clip_weights(limit=0.25))
    params = jnp.array([0.2, -0.2, 0.0])
    state = optimizer.init(params)
    for _ in range(20):
        slopes = jnp.array([-1.0, 1.0, 0.0])
        updates, state = optimizer.update(slopes, state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params, [0.25, -0.25, 0.0], rtol=1e-6)


def test_bad_use_is_a_sentence():
    with pytest.raises(InputError, match="limit must be positive, got 0"):
        clip_weights(limit=0.0)
    optimizer = clip_weights(limit=1.0)
    with pytest.raises(InputError, match="must be given the parameters"):
        optimizer.update(jnp.ones(1), optimizer.init(jnp.ones(1)))


@pytest.mark.parametrize("start", [123.456, -7.0, 1e6])
def test_not_even_the_last_digit_is_outside(start):
    optimizer = optax.chain(optax.sgd(1.0), clip_weights(limit=0.01))
    params = start * jnp.linspace(1.0, 2.0, 1000)
    updates, _ = optimizer.update(jnp.ones(1000), optimizer.init(params), params)
    clipped = np.abs(optax.apply_updates(params, updates))
    assert clipped.max() <= np.float32(0.01)
    # One unit in the last place of what it was clipped from.
    assert clipped.min() >= 0.01 - 2 * np.spacing(np.float32(2 * abs(start)))


def test_gradients_go_through_the_clipping():
    optimizer = clip_weights(limit=0.1)

    def end(update):
        params = jnp.array([0.05, 0.05, 7.0])
        return params + optimizer.update(update, optimizer.init(params), params)[0]

    slopes = jax.jacobian(end)(jnp.array([0.01, 0.3, -1.0]))
    np.testing.assert_array_equal(slopes, np.diag([1.0, 0.0, 0.0]))
