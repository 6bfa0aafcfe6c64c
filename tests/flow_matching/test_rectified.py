import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.errors import InputError
from genjax.flow_matching import (
    distillation,
    fixed_steps,
    flow_matching,
    linear_path,
    normal_mixture_velocity,
    reflow_pairs,
    straightness,
    transport,
)

KEY = jax.random.key(0)


def test_the_loss_of_the_exact_velocity_is_the_least():
    means = jnp.array([[2.0, 0.0], [-1.0, 1.0]])
    exact = normal_mixture_velocity(means, scale=0.5)
    shifted = Network(
        exact.init, lambda variables, x, t: exact.apply(variables, x, t) + 0.1
    )
    component = jax.random.randint(KEY, (4096,), 0, 2)
    x = means[component] + 0.5 * jax.random.normal(jax.random.key(1), (4096, 2))
    losses = [
        float(flow_matching(n).loss({}, {"x": x}, jax.random.key(2))[0])
        for n in (exact, shifted)
    ]
    # The excess is the squared error of the velocity, up to the sample's noise.
    assert losses[1] - losses[0] == pytest.approx(0.01, abs=0.01)
    assert losses[1] > losses[0]


def test_given_pairs_keep_their_ends():
    seen = {}

    def apply(variables, x, t):
        seen["x"], seen["t"] = x, t
        return jnp.zeros_like(x)

    network = Network(lambda key, x, t: {"params": {}}, apply)
    noise, data = jnp.full((4, 2), -1.0), jnp.full((4, 2), 3.0)
    value, _ = flow_matching(network).loss(
        {"params": {}}, {"x": data, "noise": noise}, KEY
    )
    assert float(value) == 16.0
    np.testing.assert_allclose(seen["x"][:, 0], -1 + 4 * seen["t"], rtol=1e-6)
    point, speed = linear_path()(noise[:1], data[:1], jnp.array([0.5]))
    assert point.tolist() == [[1.0, 1.0]]
    assert speed.tolist() == [[4.0, 4.0]]


def test_straight_flows_have_straightness_zero():
    constant = Network(
        lambda key, x, t: {"params": {}}, lambda variables, x, t: jnp.ones_like(x)
    )
    assert float(straightness(constant, {}, jnp.zeros((3, 2)))) < 1e-10
    bent = normal_mixture_velocity(jnp.array([[3.0, 0.0], [-3.0, 0.0]]), scale=0.3)
    assert float(straightness(bent, {}, jax.random.normal(KEY, (500, 2)))) > 0.5


def test_a_condition_reaches_the_network():
    network = nn.TimeMLP(features=2, hidden=(8,))
    batch = {"x": jnp.ones((4, 2)), "condition": jnp.eye(4)}
    variables = flow_matching(network).init(KEY, batch)
    first = transport(
        network,
        variables,
        batch["x"],
        integrator=fixed_steps(2),
        condition=batch["condition"],
    )
    assert float(np.abs(first[0] - first[1]).max()) > 1e-4


def test_pairs_of_a_reflow_are_what_the_flow_carries():
    network = normal_mixture_velocity(jnp.array([[1.0, -2.0]]), scale=0.7)
    noise = jax.random.normal(KEY, (6, 2))
    pairs = reflow_pairs(network, {}, noise, integrator=fixed_steps(50))
    np.testing.assert_allclose(
        pairs["x"], jnp.array([[1.0, -2.0]]) + 0.7 * noise, atol=1e-4
    )
    assert set(pairs) == {"noise", "x"}
    conditioned = reflow_pairs(
        Network(network.init, lambda v, x, t, c: network.apply(v, x, t)),
        {},
        noise,
        integrator=fixed_steps(2),
        condition=jnp.ones((6, 3)),
    )
    assert conditioned["condition"].shape == (6, 3)


def test_distillation_has_no_loss_where_one_step_arrives():
    straight = Network(
        lambda key, *inputs: {"params": {}},
        lambda variables, x, t: 2.0 * x + 1.0,
    )
    noise = jax.random.normal(KEY, (6, 2))
    batch = {"noise": noise, "x": 3.0 * noise + 1.0}
    loss, _ = distillation(straight).loss({"params": {}}, batch, KEY)
    assert float(loss) < 1e-10
    with pytest.raises(InputError, match="must hold the noise"):
        distillation(straight).loss({"params": {}}, {"x": noise}, KEY)


def test_a_velocity_of_another_width_is_refused():
    network = nn.TimeMLP(features=1, hidden=(8,))
    objective, batch = flow_matching(network), {"x": jnp.ones((3, 2))}
    variables = objective.init(KEY, batch)
    with pytest.raises(InputError, match=r"keep the shape \(3, 2\) of x, got \(3, 1\)"):
        objective.loss(variables, batch, KEY)
