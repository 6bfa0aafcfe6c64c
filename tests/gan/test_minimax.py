import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.gan._dynamics import path
from genjax.gan import alternating, minimax, zero_sum
from tests.laws.instances import tiny_gan

BATCH = {"x": jax.random.normal(jax.random.key(7), (8, 4))}
BILINEAR = zero_sum(
    lambda x, y, batch, key: x * y,
    lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
)


def test_alternating_stays_on_its_ellipse():
    e = 0.2
    positions = path(minimax(BILINEAR, optax.sgd(e), optax.sgd(e)), 500)
    x, y = positions.T
    # The discriminator, y, moves first: x^2 + y^2 + e x y is conserved then.
    invariant = x**2 + y**2 + e * x * y
    np.testing.assert_allclose(invariant, invariant[0], rtol=1e-4)


def dirac(gamma):
    """The Dirac-GAN: data at 0, a generator at x, a linear discriminator y."""
    return zero_sum(
        lambda x, y, batch, key: -jax.nn.softplus(-x * y) * -1 - gamma / 2 * y**2,
        lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
    )


def test_the_dirac_gan_converges_with_the_penalty_alone():
    def last_distance(gamma):
        update = minimax(dirac(gamma), optax.sgd(0.1), optax.sgd(0.1))
        return float(np.linalg.norm(path(update, 2000)[-1]))

    assert last_distance(1.0) < 1e-3
    assert last_distance(0.0) > 0.5


def test_one_scanned_discriminator_step_is_the_plain_step():
    game, sgd = tiny_gan(), optax.sgd(0.1)
    update = minimax(game, sgd, sgd, schedule=alternating(n_discriminator=1))
    state = update.init(jax.random.key(0), BATCH)
    new, _ = update.step(state, BATCH)
    g, d = (state.variables[name] for name in ("generator", "discriminator"))
    key = jax.random.fold_in(state.key, 0)
    key_g, key_d = jax.random.split(key)
    gradient = jax.grad(
        lambda p: game.discriminator(
            {"params": p}, g, BATCH, jax.random.split(key_d, 1)[0]
        )[0]
    )(d["params"])
    d_new = jax.tree.map(lambda p, g: p - 0.1 * g, d["params"], gradient)
    gradient = jax.grad(
        lambda p: game.generator(
            {"params": p}, {"params": d_new}, BATCH, jax.random.split(key_g, 1)[0]
        )[0]
    )(g["params"])
    g_new = jax.tree.map(lambda p, g: p - 0.1 * g, g["params"], gradient)
    for name, wanted in (("generator", g_new), ("discriminator", d_new)):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            new.variables[name]["params"],
            wanted,
        )


def test_several_discriminator_steps_see_different_rows():
    seen = []
    game = tiny_gan()

    def spy(own, other, batch, key):
        seen.append(batch["x"].shape)
        return game.discriminator(own, other, batch, key)

    update = minimax(
        game._replace(discriminator=spy),
        optax.sgd(0.1),
        optax.sgd(0.1),
        schedule=alternating(n_discriminator=4),
    )
    state, metrics = update.step(update.init(jax.random.key(0), BATCH), BATCH)
    assert set(seen) == {(2, 4)}
    assert {"loss", "generator_loss", "discriminator_penalty"} <= set(metrics)
    assert int(state.step) == 1
