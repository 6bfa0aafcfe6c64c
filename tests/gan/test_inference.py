import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax import nn
from genjax.base import Network
from genjax.densities import (
    concatenated,
    conditional_normal,
    standard_normal,
    uniform,
)
from genjax.errors import InputError
from genjax.gan import (
    adversarial_autoencoder,
    ali,
    bigan,
    minimax,
    non_saturating,
    r1,
    r2,
    relativistic_paired,
    veegan,
    wasserstein,
)
from genjax.training import scan_steps

BATCH = {"x": jax.random.normal(jax.random.key(7), (8, 3))}
LATENT = standard_normal((2,))
KEY = jax.random.key(1)


def mlp(features):
    return nn.MLP(features=features, hidden=(8,), activation=jax.nn.silu)


def normal(features):
    return conditional_normal(mlp(features), scale=0.1)


def critic():
    return nn.Joint(mlp(1))


GAMES = {
    "bigan": bigan(mlp(3), critic(), mlp(2), loss=non_saturating(), latent=LATENT),
    "ali": ali(normal(3), critic(), normal(2), loss=non_saturating(), latent=LATENT),
    "veegan": veegan(mlp(3), critic(), mlp(2), loss=non_saturating(), latent=LATENT),
    "adversarial_autoencoder": adversarial_autoencoder(
        normal(2), mlp(1), normal(3), loss=non_saturating(), prior=LATENT
    ),
}


@pytest.mark.parametrize("name", GAMES)
def test_every_part_of_the_generators_side_learns(name):
    game = GAMES[name]
    g, d = game.init(jax.random.key(0), BATCH)
    slopes = jax.grad(lambda g: game.generator(g, d, BATCH, KEY)[0])(g)
    for part in slopes["params"].values():
        leaves = jax.tree.leaves(part)
        assert all(np.isfinite(leaf).all() for leaf in leaves)
        assert max(float(np.abs(leaf).max()) for leaf in leaves) > 1e-6


def test_what_is_real_and_what_is_fake_are_exchanged_for_the_generators_side():
    game = bigan(mlp(3), critic(), mlp(2), loss=wasserstein(), latent=LATENT)
    g, d = game.init(jax.random.key(0), BATCH)

    def sides(key):
        own = game.generator(g, d, BATCH, key)[0]
        return own, game.discriminator(d, g, BATCH, key)[0]

    own, other = jax.jit(jax.vmap(sides))(jax.random.split(KEY, 500))
    # Each turn draws noise of its own: the means agree.
    np.testing.assert_allclose(own.mean(), -other.mean(), atol=0.02)


def test_the_discriminator_sees_pairs():
    seen = []

    def apply(variables, x, z):
        seen.append((x.shape, z.shape))
        return jnp.sum(x, axis=1) + jnp.sum(z, axis=1) * variables["params"]

    network = Network(lambda key, x, z: {"params": jnp.ones(())}, apply)
    game = bigan(mlp(3), network, mlp(2), loss=non_saturating(), latent=LATENT)
    g, d = game.init(jax.random.key(0), BATCH)
    game.discriminator(d, g, BATCH, KEY)
    assert set(seen) == {((8, 3), (8, 2))}


def test_the_reconstructor_of_veegan_learns_from_the_noise_alone():
    apart = veegan(
        mlp(3), critic(), mlp(2), loss=non_saturating(), latent=LATENT, weight=0.0
    )
    g, d = apart.init(jax.random.key(0), BATCH)
    slopes = jax.grad(lambda g: apart.generator(g, d, BATCH, KEY)[0])(g)
    assert all((s == 0).all() for s in jax.tree.leaves(slopes["params"]["encoder"]))


def test_codes_of_another_width_are_a_sentence():
    game = bigan(mlp(3), critic(), mlp(5), loss=non_saturating(), latent=LATENT)
    with pytest.raises(
        InputError, match=r"bigan: codes must have one shape, got \(8, 5\)"
    ):
        game.init(jax.random.key(0), BATCH)
    for make in (
        lambda: veegan(
            mlp(3), critic(), mlp(2), loss=non_saturating(), latent=LATENT, weight=-1.0
        ),
        lambda: adversarial_autoencoder(
            normal(2),
            mlp(1),
            normal(3),
            loss=non_saturating(),
            prior=LATENT,
            weight=-1.0,
        ),
    ):
        with pytest.raises(InputError, match="weight must not be negative, got -1"):
            make()


def test_a_trained_bigan_inverts_its_generator():
    network = nn.MLP(features=2, hidden=(32, 32))
    game = bigan(
        network,
        nn.Joint(nn.MLP(features=1, hidden=(32, 32))),
        network,
        loss=relativistic_paired(),
        latent=LATENT,
        penalties=(r1(gamma=0.1), r2(gamma=0.1)),
    )
    adam = optax.adam(1e-3, b1=0.0, b2=0.99)
    update = scan_steps(minimax(game, adam, adam))
    noise = jax.random.normal(jax.random.key(3), (2000, 64, 2))
    x = noise @ jnp.array([[1.0, 0.5], [0.0, 0.5]])
    state = jax.jit(update.init)(jax.random.key(0), {"x": x})
    before = reconstruction(network, state)
    state, _ = jax.jit(update.step)(state, {"x": x})
    assert reconstruction(network, state) < 0.25 * before


def reconstruction(network, state):
    params = state.variables["generator"]["params"]
    z = jax.random.normal(jax.random.key(4), (1000, 2))
    x = network.apply({"params": params["generator"]}, z)
    back = network.apply({"params": params["encoder"]}, x)
    return float(jnp.mean((back - z) ** 2))


def constant(value):
    """A network that returns the same row for every input."""
    return Network(
        lambda key, x: {"params": jnp.zeros(())},
        lambda variables, x: (
            jnp.broadcast_to(value, (len(x), len(value))) + 0 * variables["params"]
        ),
    )


def first_number(variables, *inputs):
    return inputs[-1][:, 0] + 0 * variables["params"]


FIRST = Network(lambda key, *inputs: {"params": jnp.zeros(())}, first_number)


def losses_of(game):
    g, d = game.init(jax.random.key(0), BATCH)
    generator = game.generator(g, d, BATCH, KEY)
    return generator, game.discriminator(d, g, BATCH, KEY)


def test_veegan_accepts_data_with_their_codes_and_weighs_the_reconstruction():
    noise = concatenated((uniform((1,), low=3.0, high=3.001), 1), (uniform((1,)), 1))
    game = veegan(
        constant(jnp.zeros(3)),
        FIRST,
        constant(jnp.array([7.0, 0.5])),
        loss=wasserstein(),
        latent=noise,
        weight=2.0,
    )
    (value, (_, metrics)), (other, _) = losses_of(game)
    # Codes of the data are 7, the noise of the fakes is 3.
    np.testing.assert_allclose(other, 3 - 7, atol=2e-3)
    np.testing.assert_allclose(metrics["adversarial"], -3, atol=2e-3)
    # (7 - 3)^2 + (z - .5)^2, a sum over both dimensions.
    assert 15.9 < float(metrics["reconstruction"]) < 16.3
    np.testing.assert_allclose(
        value, metrics["adversarial"] + 2 * metrics["reconstruction"], rtol=1e-6
    )


def test_an_adversarial_autoencoder_accepts_the_prior_and_weighs_its_loss():
    found = {}
    for weight in (0.0, 3.0):
        game = adversarial_autoencoder(
            conditional_normal(constant(jnp.array([7.0])), scale=1e-3),
            FIRST,
            conditional_normal(constant(jnp.zeros(3)), scale=1.0),
            loss=wasserstein(),
            prior=uniform((1,), low=3.0, high=3.001),
            weight=weight,
        )
        found[weight], (other, _) = losses_of(game)
        np.testing.assert_allclose(other, 7 - 3, atol=5e-3)
    x = BATCH["x"]
    nll = 0.5 * jnp.mean(jnp.sum(x**2, axis=1)) + 1.5 * jnp.log(2 * jnp.pi)
    np.testing.assert_allclose(found[0.0][0], nll, rtol=1e-5)
    np.testing.assert_allclose(found[3.0][0], nll - 3 * 7, rtol=1e-3)
