import inspect

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
    auxiliary_classifier_gan,
    gan,
    latent_consistency,
    minimax,
    non_saturating,
    r1,
    wasserstein,
)
from tests.laws.instances import tiny_gan

BATCH = {"x": jax.random.normal(jax.random.key(7), (8, 4))}


def test_the_discriminators_loss_does_not_move_the_generator():
    game = tiny_gan()
    g, d = game.init(jax.random.key(0), BATCH)

    def value(g):
        fake_side = game.discriminator(d, g, BATCH, jax.random.key(1))
        return fake_side[0]

    update = minimax(game, optax.sgd(0.0), optax.sgd(1.0))
    state = update.init(jax.random.key(0), BATCH)
    new, _ = update.step(state, BATCH)
    for name, moves in (("generator", False), ("discriminator", True)):
        before, after = state.variables[name], new.variables[name]
        same = jax.tree.map(lambda a, b: bool(jnp.all(a == b)), before, after)
        assert all(jax.tree.leaves(same)) is not moves
    assert np.isfinite(value(g))


def test_penalties_are_added_once_each():
    plain, penalised = tiny_gan(), tiny_gan(penalties=(r1(gamma=1.0), r1(gamma=1.0)))
    g, d = plain.init(jax.random.key(0), BATCH)
    _, (_, metrics) = penalised.discriminator(d, g, BATCH, jax.random.key(1))
    critic = nn.MLP(features=1, hidden=(8,), activation=jax.nn.silu)
    x = BATCH["x"]
    slopes = jax.vmap(jax.grad(lambda x: critic.apply(d, x[None])[0, 0]))(x)
    single = 0.5 * jnp.mean(jnp.sum(slopes**2, axis=1))
    np.testing.assert_allclose(metrics["penalty"], 2 * single, rtol=1e-5)
    np.testing.assert_allclose(
        metrics["loss"], metrics["adversarial"] + metrics["penalty"], rtol=1e-6
    )


def test_each_players_statistics_change_in_its_own_turn_only():
    norm = nn.BatchNorm(momentum=0.5)
    game = gan(
        norm_network(norm, 2),
        norm_network(norm, 1),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    )
    batch = {"x": 3 + jax.random.normal(jax.random.key(0), (64, 2))}
    update = minimax(game, optax.sgd(0.0), optax.sgd(0.0))
    state = update.init(jax.random.key(0), batch)
    new, _ = update.step(state, batch)
    mean = jax.tree.leaves(new.variables["discriminator"]["batch_stats"])[0]
    # From 0: a half of the data's mean 3, then halved by the fakes' mean 0.
    np.testing.assert_allclose(mean, 0.75, atol=0.15)
    assert set(new.variables["generator"]) == {"params", "batch_stats"}


def norm_network(norm, features):
    """Batch normalisation; for the discriminator, the sum of its outputs."""

    def shaped(y):
        return y if features > 1 else y.sum(axis=1)

    def train(variables, key, x):
        y, changed = norm.apply(variables, x, train=True, mutable=["batch_stats"])
        return shaped(y), changed

    return Network(
        lambda key, x: norm.init(key, x, train=False),
        lambda variables, x: shaped(norm.apply(variables, x, train=False)),
        train,
    )


def test_bad_networks_are_sentences():
    wrong_data = gan(
        nn.MLP(features=3, hidden=()),
        nn.MLP(features=1, hidden=()),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    )
    with pytest.raises(
        InputError, match=r"examples must have one shape, got \(8, 4\) on the"
    ):
        wrong_data.init(jax.random.key(0), BATCH)
    two_logits = gan(
        nn.MLP(features=4, hidden=()),
        nn.MLP(features=2, hidden=()),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    )
    g, d = two_logits.init(jax.random.key(0), BATCH)
    with pytest.raises(InputError, match="one logit per example"):
        two_logits.generator(g, d, BATCH, jax.random.key(0))


Z = standard_normal((2,))
LABELLED = {**BATCH, "condition": jnp.arange(8) % 3}


def conditional(discriminator):
    return gan(
        nn.WithClass(nn.MLP(features=4, hidden=(8,)), classes=3),
        discriminator,
        loss=non_saturating(),
        latent=standard_normal((2,)),
        penalties=(r1(gamma=1.0),),
    )


def test_a_condition_reaches_both_networks():
    game = conditional(nn.Projection(nn.MLP(features=8, hidden=(8,)), classes=3))
    g, d = game.init(jax.random.key(0), LABELLED)
    other = {**LABELLED, "condition": (LABELLED["condition"] + 1) % 3}
    for players, turn in (((g, d), game.generator), ((d, g), game.discriminator)):
        first, second = (
            turn(*players, batch, jax.random.key(1))[0] for batch in (LABELLED, other)
        )
        assert first != second
    slopes = jax.grad(
        lambda d: game.discriminator(d, g, LABELLED, jax.random.key(1))[0]
    )(d)
    embedding = slopes["params"]["Embed_0"]["embedding"]
    assert float(np.abs(embedding).min(axis=1).max()) > 0


def test_an_auxiliary_classifier_is_taught_on_data_and_on_fakes():
    """The classes are read off the first numbers of examples, right or wrong."""

    def read(variables, x):
        logits = 10 * x[:, :3] + 0 * variables["params"]
        return jnp.zeros(len(x)), logits

    judge = Network(lambda key, x: {"params": jnp.zeros(())}, read)
    show = Network(
        lambda key, z, label: {"params": jnp.zeros(())},
        lambda variables, z, label: (
            jax.nn.one_hot((label + 1) % 3, 4) + 0 * variables["params"]
        ),
    )
    label = LABELLED["condition"]
    batch = {"x": jax.nn.one_hot(label, 4), "condition": label}
    game = auxiliary_classifier_gan(
        show, judge, loss=wasserstein(), latent=standard_normal((2,)), weight=2.0
    )
    g, d = game.init(jax.random.key(0), batch)
    # Data are right, at almost no cost; fakes are wrong, at 10 nats.
    for turn, players in ((game.generator, (g, d)), (game.discriminator, (d, g))):
        value, (_, metrics) = turn(*players, batch, jax.random.key(1))
        np.testing.assert_allclose(value, 20, rtol=1e-3)
        assert metrics["classification"] == value
    wrong = {**batch, "x": jax.nn.one_hot((label + 1) % 3, 4)}
    value, _ = game.discriminator(d, g, wrong, jax.random.key(1))
    np.testing.assert_allclose(value, 40, rtol=1e-3)


def test_without_weights_latent_consistency_is_the_game():
    networks = nn.MLP(features=4, hidden=(8,)), nn.MLP(features=1, hidden=(8,))
    latent = standard_normal((2,))
    game = gan(*networks, loss=non_saturating(), latent=latent)

    def consistent(**weights):
        return latent_consistency(game, *networks, latent=latent, **weights)

    free = consistent(discriminator_weight=0.0, generator_weight=0.0)
    g, d = game.init(jax.random.key(0), BATCH)
    key = jax.random.key(1)
    (inner,) = jax.random.split(key)[:1]
    assert free.generator(g, d, BATCH, key)[0] == game.generator(g, d, BATCH, inner)[0]
    still = consistent(noise=0.0)
    assert still.generator(g, d, BATCH, key)[0] == free.generator(g, d, BATCH, key)[0]
    for player, other, turn, own in (
        (g, d, "generator", "generator_weight"),
        (d, g, "discriminator", "discriminator_weight"),
    ):

        def value(weights, turn=turn, player=player, other=other):
            return getattr(consistent(**weights), turn)(player, other, BATCH, key)[0]

        both = {"discriminator_weight": 0.0, "generator_weight": 0.0}
        once, thrice = value({**both, own: 1.0}), value({**both, own: 3.0})
        change = once - value(both)
        assert (change < 0) == (turn == "generator")
        np.testing.assert_allclose(thrice - value(both), 3 * change, rtol=1e-2)
    with pytest.raises(InputError, match="noise must not be negative, got -1"):
        consistent(noise=-1.0)


def network(features):
    return nn.MLP(features=features, hidden=())


# The tests' own check of types would come first.
UNCHECKED = inspect.unwrap(gan)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"loss": non_saturating}, "loss must be an AdversarialLoss"),
        ({"penalties": r1(gamma=1.0)}, "must be a sequence of penalties"),
        ({"penalties": (r1,)}, "must be a sequence of penalties"),
    ],
)
def test_a_rule_of_another_kind_is_a_sentence(options, sentence):
    fields = {"loss": wasserstein(), "latent": Z, **options}
    with pytest.raises(InputError, match=sentence):
        UNCHECKED(network(4), network(1), **fields)


def test_outputs_that_do_not_fit_are_a_sentence():
    two = nn.TwoHeads(network(4), outputs=3)
    plain = gan(network(4), two, loss=wasserstein(), latent=Z)
    labelled = nn.WithClass(network(4), classes=3)
    classifying = auxiliary_classifier_gan(
        labelled, network(1), loss=wasserstein(), latent=Z
    )
    for game, batch, sentence in (
        (plain, BATCH, "must return logits alone"),
        (classifying, LABELLED, "must return logits and further outputs"),
    ):
        g, d = game.init(jax.random.key(0), batch)
        with pytest.raises(InputError, match=sentence):
            game.discriminator(d, g, batch, jax.random.key(1))
    g, d = classifying.init(jax.random.key(0), LABELLED)
    with pytest.raises(InputError, match="of integers, got none"):
        classifying.discriminator(d, g, BATCH, jax.random.key(1))
    judge = nn.Projection(network(4), classes=3)
    packed = gan(labelled, judge, loss=wasserstein(), latent=Z, pack=2)
    with pytest.raises(InputError, match="pack > 1 takes no condition"):
        packed.init(jax.random.key(0), LABELLED)
