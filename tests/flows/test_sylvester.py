import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import (
    householder_sylvester,
    orthogonal_sylvester,
    triangular_sylvester,
)
from genjax.variables import updated

X = jax.random.normal(jax.random.key(0), (50, 4))


def test_rank_one_is_a_planar_flow():
    layer = orthogonal_sylvester(rank=1)
    params = layer.init(jax.random.key(1), X)
    moved = layer.forward(params, X)[0] - X
    directions = moved / jnp.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(jnp.abs(directions @ directions[0]), 1, atol=1e-3)


def test_steep_parameters_still_come_back():
    for layer in (
        orthogonal_sylvester(rank=2),
        householder_sylvester(reflections=3),
        triangular_sylvester(),
    ):
        params = layer.init(jax.random.key(1), X)
        params = updated(
            params,
            {"params": {k: 3 * params["params"][k] for k in ("outer", "inner")}},
        )
        y, log_det = layer.forward(params, X)
        back, inverse_log_det = jax.jit(layer.inverse)(params, y)
        np.testing.assert_allclose(layer.forward(params, back)[0], y, atol=1e-3)
        assert bool(np.isfinite(log_det + inverse_log_det).all())


def test_mistakes_are_named():
    with pytest.raises(InputError, match="rank must be between 1 and 4, got 5"):
        orthogonal_sylvester(rank=5).init(jax.random.key(0), X)
    with pytest.raises(InputError, match="reflections must be at least 1, got 0"):
        householder_sylvester(reflections=0)
