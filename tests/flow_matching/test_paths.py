import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flow_matching import (
    cosine_path,
    linear_path,
    polynomial_path,
    variance_preserving_path,
)

KEY = jax.random.key(0)
PATHS = {
    "linear": linear_path(),
    "cosine": cosine_path(),
    "variance_preserving": variance_preserving_path(),
    "polynomial": polynomial_path(exponent=3.0),
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_paths_lead_from_noise_to_data_at_the_speed_they_state(path):
    noise, data = jax.random.normal(KEY, (2, 5, 3))
    np.testing.assert_allclose(path(noise, data, jnp.zeros(5))[0], noise, atol=0.03)
    np.testing.assert_allclose(path(noise, data, jnp.ones(5))[0], data, atol=0.01)
    t, step = jnp.linspace(0.1, 0.9, 5), 1e-3
    ahead, behind = (path(noise, data, t + s)[0] for s in (step, -step))
    speed = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(path(noise, data, t)[1], speed, atol=5e-3)


@pytest.mark.parametrize("name", ["cosine", "variance_preserving"])
def test_two_paths_keep_the_variance(name):
    one = jnp.ones((4, 1))
    t = jnp.linspace(0.0, 0.99, 4)
    a = PATHS[name](0 * one, one, t)[0]
    b = PATHS[name](one, 0 * one, t)[0]
    np.testing.assert_allclose(a**2 + b**2, 1, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: polynomial_path(exponent=0.5), "exponent must be at least 1"),
        (
            lambda: variance_preserving_path(lowest=3.0, highest=1.0),
            "must increase from above 0, got 3.0 and 1.0",
        ),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
