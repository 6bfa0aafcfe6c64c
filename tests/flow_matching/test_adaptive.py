import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from genjax.errors import InputError
from genjax.flow_matching import adaptive, fixed_steps


def pendulum(state, time):
    angle, speed = state["angle"], state["speed"]
    return {"angle": speed, "speed": -jnp.sin(angle) + 0.3 * jnp.cos(time)}


def pendulum_by_scipy(angle, speed, stop):
    def field(time, state):
        return [state[1], -np.sin(state[0]) + 0.3 * np.cos(time)]

    return solve_ivp(field, (0, stop), [angle, speed], rtol=1e-11, atol=1e-11).y[:, -1]


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-6])
def test_a_driven_pendulum_is_that_of_scipy(tolerance):
    start = {"angle": jnp.array([0.5, -1.0]), "speed": jnp.array([0.0, 0.2])}
    end = adaptive(tolerance=tolerance)(pendulum, start, 0.0, 10.0)
    for i in range(2):
        exact = pendulum_by_scipy(*(float(start[k][i]) for k in ("angle", "speed")), 10)
        found = [float(end[k][i]) for k in ("angle", "speed")]
        np.testing.assert_allclose(found, exact, atol=60 * tolerance)


def test_rows_under_vmap_have_steps_of_their_own():
    rates = jnp.array([0.1, 1.0, 30.0])

    def decay(rate):
        return adaptive()(lambda x, t: -rate * x, jnp.array(1.0), 0.0, 1.0)

    np.testing.assert_allclose(jax.vmap(decay)(rates), np.exp(-rates), atol=1e-4)


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
    assert np.isnan(blow_up)
    assert np.isnan(few)


def test_a_field_of_another_precision_is_taken_in_that_of_the_state():
    with jax.enable_x64(), jax.numpy_dtype_promotion("standard"):

        def end(x):
            field = adaptive()
            return field(lambda x, t: -x.astype(jnp.float32), x, 0.0, 1.0)

        value, slope = jax.value_and_grad(end)(jnp.array(1.0, jnp.float64))
    assert value.dtype == jnp.float64
    np.testing.assert_allclose([value, slope], np.exp(-1), rtol=1e-4)


@pytest.mark.parametrize("settings", [{"tolerance": 0.0}, {"most": 0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(InputError, match="tolerance and most must be positive, got"):
        adaptive(**settings)
