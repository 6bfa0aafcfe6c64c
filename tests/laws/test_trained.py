"""The laws of bijectors once more, where training has bent them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.densities import negative_log_likelihood, standard_normal
from genjax.flows import density
from genjax.training import gradient_descent, scan_steps
from genjax.variables import part_of
from tests.laws.registry import BIJECTORS

NAMES = (
    "coupling",
    "coupling, spline",
    "masked_autoregressive",
    "masked_autoregressive, spline",
    "block_autoregressive",
    "plu",
    "planar",
    "orthogonal_sylvester",
    "residual",
    "continuous",
)


def bent(key, n):
    """Points whose coordinates depend on one another, far from normal."""
    x = jax.random.normal(key, (n, 4))
    return jnp.stack(
        [x[:, 0], x[:, 1] + x[:, 0] ** 2, jnp.sinh(x[:, 2]), x[:, 3] - x[:, 2]], axis=1
    )


@pytest.mark.parametrize("name", NAMES)
def test_trained_bijectors_come_back_and_keep_their_log_det(name):
    bijector = BIJECTORS[name].method
    model = density(bijector, standard_normal((4,)))
    update = gradient_descent(negative_log_likelihood(model), optax.adam(1e-2))
    batches = {"x": bent(jax.random.key(0), 200 * 128).reshape(200, 128, 4)}
    state = jax.jit(update.init)(jax.random.key(1), {"x": batches["x"][0]})
    trained, metrics = jax.jit(scan_steps(update).step)(state, batches)
    assert float(metrics["loss"][-1]) < float(metrics["loss"][0]) - 0.05
    params = part_of(trained.variables, "bijector")
    x = bent(jax.random.key(2), 32)

    @jax.jit
    def check(x):
        y, log_det = bijector.forward(params, x)
        jacobian = jax.vmap(
            jax.jacfwd(lambda row: bijector.forward(params, row[None])[0][0])
        )(x)
        back, _ = bijector.inverse(params, y)
        return back - x, log_det - jnp.linalg.slogdet(jacobian)[1]

    round_trip, log_det_error = check(x)
    np.testing.assert_allclose(round_trip, 0, atol=1e-4)
    np.testing.assert_allclose(log_det_error, 0, atol=4e-4)
