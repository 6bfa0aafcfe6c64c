import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import householder, identity, interpolate


def test_walks_start_and_end_at_the_examples_and_keep_their_length():
    layer = householder(reflections=2)
    key_a, key_b = jax.random.split(jax.random.key(0))
    a, b = jax.random.normal(key_a, (3, 8)), jax.random.normal(key_b, (3, 8))
    a, b = (x / jnp.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    params = layer.init(jax.random.key(1), a)
    walk = interpolate(layer, params, a, b, n=5)
    np.testing.assert_allclose(walk[0], a, atol=1e-5)
    np.testing.assert_allclose(walk[-1], b, atol=1e-5)
    np.testing.assert_allclose(jnp.linalg.norm(walk, axis=2), 1.0, atol=1e-5)


def test_equal_ends_stay_where_they_are():
    layer, a = householder(reflections=1), jnp.ones((2, 4))
    params = layer.init(jax.random.key(1), a)
    walk = interpolate(layer, params, a, a, n=3)
    np.testing.assert_allclose(walk, jnp.broadcast_to(a[None], walk.shape), atol=1e-2)
    with pytest.raises(InputError, match="n must be at least 2, got 1"):
        interpolate(layer, params, a, a, n=1)


def test_opposite_ends_take_the_chord():
    a, b = jnp.array([[1.0], [1.0]]), jnp.array([[-2.0], [3.0]])
    walk = interpolate(identity(), {}, a, b, n=4)
    np.testing.assert_allclose(walk[:, 0, 0], [1.0, 0.0, -1.0, -2.0], atol=1e-5)
    np.testing.assert_allclose(walk[:, 1, 0], [1, 5 / 3, 7 / 3, 3.0], atol=1e-5)
