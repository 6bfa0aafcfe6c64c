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
    conditional_one_hot,
    standard_normal,
    uniform,
    uniform_one_hot,
)
from genjax.errors import InputError
from genjax.gan import info_gan, minimax, non_saturating

BATCH = {"x": jax.random.normal(jax.random.key(7), (64, 3))}
KEY = jax.random.key(1)


def game_of(code, recogniser, *, generator=None, weight=1.0):
    return info_gan(
        generator or nn.MLP(features=3, hidden=(16,)),
        nn.MLP(features=1, hidden=(16,)),
        recogniser,
        loss=non_saturating(),
        latent=standard_normal((2,)),
        code=code,
        weight=weight,
    )


def classes(weight=1.0):
    recogniser = conditional_one_hot(nn.MLP(features=4, hidden=(16,)))
    return game_of(uniform_one_hot(4), recogniser, weight=weight)


def test_the_information_has_a_gradient_in_the_generator_and_the_recogniser():
    game = classes()
    g, d = game.init(jax.random.key(0), BATCH)

    def information(g):
        return game.generator(g, d, BATCH, KEY)[1][1]["information"]

    slopes = jax.grad(information)(g)["params"]
    for part in ("generator", "recogniser"):
        assert (
            max(float(jnp.abs(s).max()) for s in jax.tree.leaves(slopes[part])) > 1e-4
        )
    value, (_, metrics) = game.generator(g, d, BATCH, KEY)
    wanted = metrics["adversarial"] - metrics["information"]
    np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_the_bound_rises_to_the_entropy_of_the_code_and_not_above():
    game = classes(weight=5.0)
    update = minimax(game, optax.adam(1e-2), optax.adam(1e-3))
    state = jax.jit(update.init)(jax.random.key(0), BATCH)
    step = jax.jit(update.step)
    first = None
    for _ in range(300):
        state, metrics = step(state, BATCH)
        first = metrics["generator_information"] if first is None else first
    last = float(metrics["generator_information"])
    assert float(first) < 0.3
    assert 1.2 < last <= np.log(4) + 1e-5


def test_a_recogniser_that_knows_gives_the_whole_entropy():
    """The generator shows the code itself, which the recogniser reads off."""
    show = Network(
        lambda key, z: {"params": jnp.zeros(())},
        lambda variables, z: z[:, 2:5] + 0 * variables["params"],
    )
    read = Network(
        lambda key, x: {"params": jnp.zeros(())},
        lambda variables, x: 50 * x + variables["params"],
    )
    game = game_of(uniform_one_hot(3), conditional_one_hot(read), generator=show)
    g, d = game.init(jax.random.key(0), BATCH)
    found = game.generator(g, d, BATCH, KEY)[1][1]["information"]
    np.testing.assert_allclose(found, np.log(3), rtol=1e-5)


def test_codes_of_classes_and_angles_have_one_recogniser():
    code = concatenated((uniform_one_hot(4), 4), (uniform((2,), low=-1.0), 2))
    recogniser = concatenated(
        (conditional_one_hot(nn.MLP(features=4, hidden=())), 4),
        (conditional_normal(nn.MLP(features=4, hidden=())), 2),
    )
    game = game_of(code, recogniser)
    g, d = game.init(jax.random.key(0), BATCH)
    assert set(g["params"]["recogniser"]) == {"0", "1"}
    assert np.isfinite(game.generator(g, d, BATCH, KEY)[0])


def test_a_negative_weight_is_refused():
    with pytest.raises(InputError, match="weight must not be negative, got -1"):
        classes(weight=-1.0)
