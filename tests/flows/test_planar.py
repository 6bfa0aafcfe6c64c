import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import planar, radial

X = 3 * jax.random.normal(jax.random.key(0), (200, 3))


@pytest.mark.parametrize("length", [0.1, 3.0, 30.0])
def test_a_planar_flow_is_invertible_whatever_its_parameters(length):
    """Also where w u would be far below -1."""
    layer = planar()
    w = jnp.array([1.0, -2.0, 0.5])
    params = {"params": {"u": -length * w, "w": w, "b": jnp.array(0.3)}}
    y, log_det = layer.forward(params, X)
    back, inverse_log_det = jax.jit(layer.inverse)(params, y)
    assert bool(np.isfinite(log_det).all())
    np.testing.assert_allclose(layer.forward(params, back)[0], y, atol=1e-4)
    assert back.shape == (*inverse_log_det.shape, 3)


@pytest.mark.parametrize("beta", [-5.0, 0.0, 5.0])
def test_a_radial_flow_moves_along_rays_and_comes_back(beta):
    layer = radial()
    centre = jnp.array([1.0, 0.0, -1.0])
    own = {"centre": centre, "alpha": jnp.array(0.5), "beta": jnp.array(beta)}
    params = {"params": own}
    y, _ = layer.forward(params, X)
    rays = (y - centre[None]) / (X - centre[None])
    np.testing.assert_allclose(rays, jnp.broadcast_to(rays[:, :1], rays.shape), 1e-3)
    np.testing.assert_allclose(layer.inverse(params, y)[0], X, atol=1e-4)
    gradient = jax.grad(lambda x: layer.forward(params, x)[1].sum())(centre[None])
    assert bool(np.isfinite(gradient).all())


def test_images_are_refused():
    with pytest.raises(InputError, match="radial: examples must be vectors"):
        radial().init(jax.random.key(0), jnp.ones((1, 2, 2)))
