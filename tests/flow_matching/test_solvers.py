import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from genjax.errors import InputError
from genjax.flow_matching import (
    adaptive,
    euler,
    fixed_steps,
    heun,
    midpoint,
    rk4,
)


@pytest.mark.parametrize(
    ("solver", "order"), [(euler, 1), (midpoint, 2), (heun, 2), (rk4, 4)]
)
def test_the_observed_order_is_the_stated_one(solver, order):
    def error(steps):
        # The logistic equation from 1/10 on.
        integrator = fixed_steps(steps, solver)
        x = integrator(lambda x, t: x * (1 - x), jnp.array(0.1), 0.0, 4.0)
        return abs(float(x) - 1 / (1 + 9 * np.exp(-4)))

    steps = 5 if order == 4 else 64
    measured = np.log2(error(steps) / error(2 * steps))
    assert measured == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize("integrator", [fixed_steps(50), adaptive(tolerance=1e-6)])
def test_a_linear_field_is_the_matrix_exponential_and_runs_both_ways(integrator):
    a = np.array([[0.1, -0.8], [0.5, 0.2]])
    x = jax.random.normal(jax.random.key(0), (5, 2))

    def field(x, t):
        return x @ jnp.asarray(a.T, jnp.float32)

    y = integrator(field, x, 0.0, 1.0)
    np.testing.assert_allclose(y, np.asarray(x) @ expm(a).T, atol=1e-5)
    back = integrator(field, y, 1.0, 0.0)
    np.testing.assert_allclose(back, x, atol=1e-5)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="steps must be at least 1, got 0"):
        fixed_steps(0)
