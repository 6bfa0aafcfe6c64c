import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.gan._dynamics import DATA, path, spectral_radius
from experiments.gan.bilinear import rates
from genjax.base import Game
from genjax.errors import InputError
from genjax.gan import (
    alternating,
    consensus,
    extragradient,
    lazily,
    lecam,
    minimax,
    r1,
    simultaneous,
    symplectic,
    zero_sum,
)
from tests.laws.instances import tiny_gan

BATCH = {"x": jax.random.normal(jax.random.key(7), (8, 4))}
BILINEAR = zero_sum(
    lambda x, y, batch, key: x * y,
    lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
)
SCHEDULES = {
    "simultaneous": simultaneous(),
    "alternating": alternating(),
    "extragradient": extragradient(),
    "consensus": consensus(weight=1.0),
    "symplectic": symplectic(weight=1.0),
}


@pytest.mark.parametrize("step", [0.05, 0.2, 0.7])
@pytest.mark.parametrize("name", SCHEDULES)
def test_contraction_rates_are_the_closed_forms(name, step):
    sgd = optax.sgd(step)
    update = minimax(BILINEAR, sgd, sgd, schedule=SCHEDULES[name])
    assert spectral_radius(update) == pytest.approx(rates(step)[name], abs=1e-6)


@pytest.mark.parametrize("step", [0.05, 0.2])
def test_the_optimistic_method_is_an_optimiser(step):
    optimistic = optax.optimistic_gradient_descent(step)
    update = minimax(BILINEAR, optimistic, optimistic, schedule=simultaneous())
    assert spectral_radius(update) == pytest.approx(rates(step)["optimistic"], abs=1e-6)


@pytest.mark.parametrize("name", ["consensus", "symplectic"])
def test_without_weight_they_are_simultaneous_steps(name):
    make = {"consensus": consensus, "symplectic": symplectic}[name]
    sgd = optax.sgd(0.1)
    found = []
    for schedule in (make(weight=0.0), simultaneous()):
        update = minimax(tiny_gan(), sgd, sgd, schedule=schedule)
        state = update.init(jax.random.key(0), BATCH)
        found.append(jax.jit(update.step)(state, BATCH)[0].variables)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found[0], found[1]
    )


def test_consensus_lowers_the_length_of_the_games_gradient():
    """The added term is the gradient of half the squared length, by autodiff."""

    def value(x, y, batch, key):
        return jnp.sin(x) * y + x**2 * y**2

    game = zero_sum(value, lambda key, batch: (jnp.array(0.3), jnp.array(-0.8)))
    rate, weight = 1e-2, 0.7
    sgd = optax.sgd(rate)
    update = minimax(game, sgd, sgd, schedule=consensus(weight=weight))
    state = update.init(jax.random.key(0), jnp.zeros(1))
    new, _ = update.step(state, jnp.zeros(1))
    z = jnp.array([0.3, -0.8])

    def field(z):
        x, y = jax.grad(lambda z: value(z[0], z[1], None, None))(z)
        return jnp.stack([x, -y])

    half_square = jax.grad(lambda z: 0.5 * jnp.sum(field(z) ** 2))
    wanted = z - rate * (field(z) + weight * half_square(z))
    names = ("generator", "discriminator")
    moved = [float(new.variables[name]["params"]) for name in names]
    np.testing.assert_allclose(moved, wanted, atol=1e-6)


def test_extragradient_converges_where_simultaneous_steps_diverge():
    sgd = optax.sgd(0.2)
    distance = {
        name: np.linalg.norm(
            path(minimax(BILINEAR, sgd, sgd, schedule=SCHEDULES[name]), 300)[-1]
        )
        for name in ("extragradient", "simultaneous")
    }
    assert distance["extragradient"] < 1e-2 < 10 < distance["simultaneous"]


def test_each_player_makes_its_number_of_steps_in_its_turn():
    calls = []

    def spy(name, loss):
        def counted(own, other, batch, key):
            calls.append((name, batch["x"].shape[0]))
            return loss(own, other, batch, key)

        return counted

    game = tiny_gan()
    spied = game._replace(
        generator=spy("G", game.generator), discriminator=spy("D", game.discriminator)
    )
    adam = optax.adam(1e-3)
    schedule = alternating(n_discriminator=1, n_generator=4, generator_first=True)
    update = minimax(spied, adam, adam, schedule=schedule)
    state = update.init(jax.random.key(0), BATCH)
    new, _ = update.step(state, BATCH)
    assert [name for name, _ in dict.fromkeys(calls)] == ["G", "D"]
    assert {rows for _, rows in calls} == {2}
    counts = {name: int(new.opt_state[name][0].count) for name in new.opt_state}
    assert counts == {"generator": 4, "discriminator": 1}


def test_bad_schedules_are_sentences():
    with pytest.raises(InputError, match="must be at least 1, got 0 and 1"):
        alternating(n_discriminator=0)
    sgd = optax.sgd(0.1)
    update = minimax(tiny_gan(), sgd, sgd, schedule=alternating(n_discriminator=3))
    with pytest.raises(InputError, match="n = 3 must divide the batch, got 8 rows"):
        update.step(update.init(jax.random.key(0), BATCH), BATCH)
    for make in (consensus, symplectic):
        with pytest.raises(InputError, match="weight must not be negative, got -1"):
            make(weight=-1.0)


def test_sga_adds_the_antisymmetric_part_alone():
    """On a game that is half potential, by dense matrices."""
    matrix = jnp.array([[0.9, 1.7], [-0.6, 0.4]])

    def field(z):
        return matrix @ z

    # L_G = .45 x^2 + 1.7 x y and L_D = -.6 x y + .2 y^2 have this field.
    def generator(x, y, batch, key):
        value = 0.45 * x["params"] ** 2 + 1.7 * x["params"] * y["params"]
        return value, ({}, {"loss": value})

    def discriminator(y, x, batch, key):
        value = -0.6 * x["params"] * y["params"] + 0.2 * y["params"] ** 2
        return value, ({}, {"loss": value})

    def init(key, batch):
        return {"params": jnp.array(0.3)}, {"params": jnp.array(-0.8)}

    rate, weight = 1e-2, 0.7
    sgd = optax.sgd(rate)
    z = jnp.array([0.3, -0.8])
    turning = (matrix - matrix.T) / 2
    for schedule, added in (
        (symplectic(weight=weight), turning.T @ field(z)),
        (consensus(weight=weight), matrix.T @ field(z)),
    ):
        game = Game(init, generator, discriminator)
        update = minimax(game, sgd, sgd, schedule=schedule)
        new, _ = update.step(update.init(jax.random.key(0), DATA), DATA)
        found = [new.variables[k]["params"] for k in ("generator", "discriminator")]
        wanted = z - rate * (field(z) + weight * added)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_looking_ahead_leaves_memory_and_statistics_alone():
    game = tiny_gan((lazily(r1(gamma=5.0), every=2), lecam(weight=1.0, decay=0.5)))
    sgd = optax.sgd(0.0)
    step, penalties = None, {}
    for name, schedule in (("at once", simultaneous()), ("ahead", extragradient())):
        update = minimax(game, sgd, sgd, schedule=schedule)
        state, step = update.init(jax.random.key(0), BATCH), jax.jit(update.step)
        penalties[name] = []
        for _ in range(4):
            state, metrics = step(state, BATCH)
            penalties[name].append(float(metrics["discriminator_penalty"]))
    np.testing.assert_allclose(penalties["ahead"], penalties["at once"], rtol=1e-5)
