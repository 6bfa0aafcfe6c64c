import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.base import Network, Objective
from genjax.errors import InputError
from genjax.gan import least_squares, minimax, with_discriminator
from tests.laws.instances import tiny_restoration

BATCH = {"x": jax.random.normal(jax.random.key(7), (8, 4))}


SLOPE = Network(
    lambda key, x: {"params": jnp.zeros(x.shape[-1])},
    lambda variables, x: x @ variables["params"],
)
"""`w . x`."""


def shift_game(weight):
    """A model that adds to nothing; the real is at 2, its objective at 1."""

    def loss(variables, batch, key):
        error = jnp.mean((variables["params"] - 1.0) ** 2)
        return error, ({}, {"loss": error, "error": error})

    def pairs(variables, batch, key):
        made = jnp.broadcast_to(variables["params"][None], batch["x"].shape)
        return (jnp.full_like(batch["x"], 2.0),), (made,)

    objective = Objective(lambda key, batch: {"params": jnp.zeros(4)}, loss)
    return with_discriminator(
        objective, pairs, SLOPE, loss=least_squares(), weight=weight
    )


def test_both_losses_are_those_of_their_formulas():
    game = shift_game(0.5)
    _, other = game.init(jax.random.key(0), BATCH)
    own, other = {"params": jnp.full(4, 0.5)}, {"params": jnp.full(4, 0.25)}
    value, (changed, metrics) = game.generator(own, other, BATCH, jax.random.key(1))
    # The logit of the fake is .5, that of the real 2.
    np.testing.assert_allclose(value, 0.25 + 0.5 * 0.5 * (0.5 - 1) ** 2, rtol=1e-6)
    assert metrics["loss"] == value
    np.testing.assert_allclose(metrics["error"], 0.25, rtol=1e-6)
    np.testing.assert_allclose(metrics["objective"], 0.25, rtol=1e-6)
    assert changed == {}
    value, _ = game.discriminator(other, own, BATCH, jax.random.key(1))
    np.testing.assert_allclose(value, 0.5 * ((2 - 1) ** 2 + 0.5**2), rtol=1e-6)


def test_without_weight_the_generator_follows_its_objective():
    game = shift_game(0.0)
    own, other = game.init(jax.random.key(0), BATCH)
    gradient = jax.grad(
        lambda p: game.generator({"params": p}, other, BATCH, jax.random.key(1))[0]
    )(own["params"])
    np.testing.assert_allclose(gradient, -0.5, rtol=1e-6)


def test_it_is_played():
    update = minimax(tiny_restoration(), optax.adam(1e-2), optax.adam(1e-2))
    state = jax.jit(update.init)(jax.random.key(0), BATCH)
    step = jax.jit(update.step)
    _, first = step(state, BATCH)
    for _ in range(100):
        state, metrics = step(state, BATCH)
    assert metrics["generator_objective"] < 0.5 * first["generator_objective"]


def test_a_negative_weight_is_a_sentence():
    with pytest.raises(InputError, match="weight must not be negative"):
        shift_game(-1.0)
