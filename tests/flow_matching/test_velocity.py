import jax
import jax.numpy as jnp
import numpy as np

from genjax.flow_matching import fixed_steps, normal_mixture_velocity, transport

KEY = jax.random.key(0)


def test_the_closed_form_is_the_conditional_mean_of_the_paths_velocity():
    """The regression's minimiser, estimated by importance weights."""
    means, scale = jnp.array([[2.0, 0.0], [-1.0, 1.0]]), 0.5
    point, t, n = jnp.array([0.4, 0.3]), 0.6, 400_000
    key_component, key_noise = jax.random.split(KEY)
    component = jax.random.randint(key_component, (n,), 0, 2)
    data = means[component] + scale * jax.random.normal(key_noise, (n, 2))
    noise = (point[None] - t * data) / (1 - t)
    log_weight = -0.5 * jnp.sum(noise**2, axis=1)
    weight = jax.nn.softmax(log_weight)
    wanted = jnp.sum(weight[:, None] * (data - noise), axis=0)
    network = normal_mixture_velocity(means, scale=scale)
    found = network.apply({}, point[None], jnp.array([t]))[0]
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_one_normal_is_carried_to_another_by_its_affine_map():
    network = normal_mixture_velocity(jnp.array([[1.0, -2.0]]), scale=0.7)
    x = jax.random.normal(KEY, (6, 2))
    y = transport(network, {}, x, integrator=fixed_steps(100))
    np.testing.assert_allclose(y, jnp.array([[1.0, -2.0]]) + 0.7 * x, atol=1e-5)
