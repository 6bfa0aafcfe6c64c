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


def test_the_adjoint_has_the_gradient_of_the_solvers_own_steps():
    x = jax.random.normal(jax.random.key(0), (5, 2))
    a = jnp.array([[0.1, -0.8], [0.5, 0.2]])

    def loss(integrator):
        def of(x, a):
            end = integrator(lambda x, t: jnp.tanh(x @ a + t), x, 0.0, 1.0)
            return jnp.sum(end**2)

        return jax.jit(jax.grad(of, argnums=(0, 1)))(x, a)

    pairs = zip(loss(adaptive(tolerance=1e-6)), loss(fixed_steps(50)), strict=True)
    for adjoint, exact in pairs:
        np.testing.assert_allclose(adjoint, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: fixed_steps(0), "steps must be at least 1, got 0"),
        (
            lambda: adaptive(tolerance=0.0),
            "tolerance and most must be positive, got 0.0",
        ),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_an_adaptive_step_out_of_the_domain_is_taken_again(tolerance):
    # x = (1 - t)^2 is never negative, but a stage of a large step would be.
    integrator = adaptive(tolerance=tolerance)
    for stop in (0.5, 0.9):
        found = integrator(lambda x, t: -2 * jnp.sqrt(x), jnp.array(1.0), 0.0, stop)
        np.testing.assert_allclose(found, (1 - stop) ** 2, atol=5 * tolerance)


def test_adaptive_steps_that_do_not_arrive_say_so():
    # x = 1 / (1 - t) is infinite at 1.
    blow_up = adaptive()(lambda x, t: x**2, jnp.array(1.0), 0.0, 2.0)
    few = adaptive(most=3)(lambda x, t: -x, jnp.array(1.0), 0.0, 50.0)
    assert jnp.isnan(blow_up)
    assert jnp.isnan(few)
