import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax import nn
from genjax.base import Network
from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.gan import (
    adaptive_augment,
    diff_augment,
    gan,
    gradient_penalty,
    lecam,
    minimax,
    non_saturating,
    r1,
    relativistic_paired,
)
from genjax.gan._adversarial import MEMORY
from genjax.training import with_ema

X = jax.random.normal(jax.random.key(7), (8, 4))
BATCH = {"x": X}


def game_of(discriminator, loss=None, **options):
    return gan(
        nn.MLP(features=4, hidden=(8,)),
        discriminator,
        loss=loss or non_saturating(),
        latent=standard_normal((2,)),
        **options,
    )


def seeing(seen):
    """A discriminator that remembers what it was shown."""

    def apply(variables, x):
        seen.append(x)
        return x.reshape(len(x), -1) @ variables["params"][: x[0].size]

    return Network(lambda key, x: {"params": jnp.ones(x[0].size)}, apply)


def test_one_packed_example_is_the_plain_game():
    network = nn.MLP(features=1, hidden=(8,))
    found = []
    for pack in (1, 2):
        game = game_of(network, pack=pack)
        g, d = game.init(jax.random.key(0), BATCH)
        found.append(game.discriminator(d, g, BATCH, jax.random.key(1))[0])
    plain = game_of(network)
    g, d = plain.init(jax.random.key(0), BATCH)
    wanted = plain.discriminator(d, g, BATCH, jax.random.key(1))[0]
    assert found[0] == wanted
    assert found[1] != wanted


def test_packing_puts_neighbours_side_by_side():
    seen = []
    game = game_of(seeing(seen), pack=2)
    g, d = game.init(jax.random.key(0), BATCH)
    game.discriminator(d, g, BATCH, jax.random.key(1))
    np.testing.assert_array_equal(seen[0], X.reshape(4, 8))
    images = {"x": jnp.arange(16.0).reshape(4, 2, 2, 1)}
    seen.clear()
    generator = nn.ImageMLP(nn.MLP(features=4, hidden=()), (2, 2, 1))
    game = gan(
        generator,
        seeing(seen),
        loss=non_saturating(),
        latent=standard_normal((2,)),
        pack=2,
    )
    g, d = game.init(jax.random.key(0), images)
    game.discriminator(d, g, images, jax.random.key(1))
    assert seen[0].shape == (2, 2, 2, 2)
    np.testing.assert_array_equal(seen[0][0, ..., 1], images["x"][1, ..., 0])


def test_a_pack_must_divide_the_batch():
    with pytest.raises(InputError, match="pack = 3 must divide the batch, got 8 rows"):
        game_of(nn.MLP(features=1, hidden=()), pack=3).init(jax.random.key(0), BATCH)
    with pytest.raises(InputError, match="pack must be at least 1, got 0"):
        game_of(nn.MLP(features=1, hidden=()), pack=0)


def test_memory_is_the_discriminators_own_and_changes_in_its_turn_only():
    game = game_of(
        nn.MLP(features=1, hidden=()), penalties=(lecam(weight=1.0, decay=0.5),)
    )
    g, d = game.init(jax.random.key(0), BATCH)
    assert MEMORY not in g
    _, (new, metrics) = game.discriminator(d, g, BATCH, jax.random.key(1))
    np.testing.assert_allclose(
        new[MEMORY]["penalty_0"]["real"], metrics["real_logit"] / 2, rtol=1e-6
    )
    assert game.generator(g, d, BATCH, jax.random.key(1))[1][0] == {}


@pytest.mark.parametrize("turn", ["generator", "discriminator"])
def test_augmentation_comes_before_the_discriminator_in_both_turns(turn):
    seen = []
    erase = diff_augment()._replace(apply=lambda memory, key, x: 0.0 * x)
    game = game_of(seeing(seen), augment=erase)
    g, d = game.init(jax.random.key(0), BATCH)
    seen.clear()
    players = (g, d) if turn == "generator" else (d, g)
    getattr(game, turn)(*players, BATCH, jax.random.key(1))
    assert len(seen) == 2
    assert all(float(np.abs(x).max()) == 0 for x in seen)


def test_the_adaptive_probability_rises_where_the_data_are_known():
    def apply(variables, x):
        return jnp.full(len(x), 5.0) + 0 * variables["params"]

    sure = Network(lambda key, x: {"params": jnp.zeros(())}, apply)

    still = adaptive_augment(step=0.125)._replace(apply=lambda memory, key, x: x)
    game = game_of(sure, augment=still)
    update = minimax(game, optax.sgd(0.1), optax.sgd(0.1))
    state = update.init(jax.random.key(0), BATCH)
    for _ in range(2):
        state, metrics = update.step(state, BATCH)
    assert float(metrics["discriminator_probability"]) == 0.25


def test_the_average_holds_statistics_and_memory():
    game = gan(
        nn.ResNetGenerator(side=8, channels=1, width=4, norm=True),
        nn.DCGANDiscriminator(width=4),
        loss=relativistic_paired(),
        latent=standard_normal((2,)),
        penalties=(lecam(weight=1.0),),
    )
    images = {"x": jax.random.normal(jax.random.key(7), (4, 8, 8, 1))}
    update = with_ema(minimax(game, optax.sgd(0.1), optax.sgd(0.1)), decay=0.0)
    state = jax.jit(update.init)(jax.random.key(0), images)
    state, _ = jax.jit(update.step)(state, images)
    average = state.evaluated
    assert "batch_stats" in average["generator"]
    assert MEMORY in average["discriminator"]
    jax.tree.map(np.testing.assert_array_equal, average, state.variables)


def test_logits_are_float32_where_networks_are_not():
    half = nn.MLP(features=1, hidden=(8,), dtype=jnp.bfloat16)
    network = Network(
        half.init, lambda variables, x: half.apply(variables, x).astype(jnp.bfloat16)
    )
    game = game_of(network, penalties=(r1(gamma=1.0), gradient_penalty(weight=1.0)))
    g, d = game.init(jax.random.key(0), BATCH)
    value, (_, metrics) = game.discriminator(d, g, BATCH, jax.random.key(1))
    assert value.dtype == metrics["penalty"].dtype == jnp.float32
    assert np.isfinite(value)
