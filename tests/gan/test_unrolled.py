import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.errors import InputError
from genjax.gan import unrolled, zero_sum
from tests.laws.instances import tiny_gan

BATCH = {"x": jax.random.normal(jax.random.key(7), (8, 4))}


def test_no_steps_ahead_is_the_game():
    game = tiny_gan()
    assert unrolled(game, optax.sgd(0.1), steps=0) is game


def test_many_steps_ahead_give_the_gradient_of_the_best_answer():
    """max_y x y - y^2 / 2 = x^2 / 2, whose gradient is x."""
    game = zero_sum(
        lambda x, y, batch, key: x * y - y**2 / 2,
        lambda key, batch: (jnp.array(0.7), jnp.array(-3.0)),
    )
    ahead = unrolled(game, optax.sgd(0.5), steps=40)
    x, y = game.init(jax.random.key(0), None)

    def value(game):
        return jax.grad(
            lambda p: game.generator({"params": p}, y, None, jax.random.key(1))[0]
        )(x["params"])

    np.testing.assert_allclose(value(ahead), 0.7, rtol=1e-5)
    np.testing.assert_allclose(value(game), -3.0, rtol=1e-5)


def test_the_gradient_goes_through_the_steps():
    game = tiny_gan()
    optimizer, rate = optax.sgd(0.3), 0.3
    g, d = game.init(jax.random.key(0), BATCH)
    key = jax.random.key(1)
    key_game, key_ahead = jax.random.split(key)
    (one,) = jax.random.split(key_ahead, 1)

    def by_hand(g):
        gradient = jax.grad(lambda d: game.discriminator(d, g, BATCH, one)[0])(d)
        seen = jax.tree.map(lambda p, slope: p - rate * slope, d, gradient)
        return game.generator(g, seen, BATCH, key_game)[0]

    ahead = unrolled(game, optimizer, steps=1)
    found = jax.grad(lambda g: ahead.generator(g, d, BATCH, key)[0])(g)
    wanted = jax.grad(by_hand)(g)
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_negative_steps_are_refused():
    with pytest.raises(InputError, match="steps must not be negative, got -1"):
        unrolled(tiny_gan(), optax.sgd(0.1), steps=-1)
