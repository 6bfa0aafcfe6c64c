"""Every family takes every network: dropout, statistics, both, NNX, plain functions."""

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

from genjax import nn
from genjax.autoregressive import deep_nade, on_images, orderless_likelihood
from genjax.base import Bijector, Density, Network, Objective
from genjax.data import ArraySource, on_device
from genjax.densities import (
    conditional_bernoulli,
    conditional_likelihood,
    conditional_normal,
    conditional_one_hot,
    embed_condition,
    resampled,
    standard_normal,
    uniform_one_hot,
)
from genjax.detection import (
    by_size,
    detection_objective,
    detector,
    face_objective,
    fcos,
)
from genjax.detection.scales import for_each_image, shared_branches, with_enlarged
from genjax.errors import InputError
from genjax.flow_matching import (
    continuous,
    distillation,
    drop_condition,
    fixed_steps,
    flow_inpaint,
    flow_matching,
    guided,
    reflow_pairs,
    straightness,
    transport,
    velocity,
)
from genjax.flows import (
    affine,
    alternating_mask,
    coupling,
    glow,
    glow_step,
    masked_autoregressive,
    masked_coupling,
    realnvp,
    residual,
)
from genjax.gan import (
    adversarial_autoencoder,
    ali,
    auxiliary_classifier_gan,
    bigan,
    gan,
    info_gan,
    latent_consistency,
    minimax,
    non_saturating,
    veegan,
)
from genjax.mutual_information import estimation, separable_critic, smile
from genjax.nn._cascade import FaceOutput
from genjax.self_supervised import deep_infomax, simclr
from genjax.training import (
    Checkpoints,
    data_parallel,
    device_mesh,
    fit,
    gradient_descent,
)
from genjax.vae import LatentModel, elbo, iwae
from tests.laws.compare import (
    assert_close,
    assert_equal,
    every_third,
    replicated,
)
from tests.laws.heads import HEADS
from tests.laws.instances import (
    Noisy,
    batch,
    conditional_batch,
    conditioner,
    face_batch,
    flow_pair_batch,
    image_batch,
    labelled_batch,
    pair_batch,
    patches,
    scene_batch,
    tiny_parts,
    tiny_restoration,
)
from tests.laws.test_registry import PACKAGES

KEY = jax.random.key(0)


class NnxNoisy(nnx.Module):
    """Statistics and dropout, by Flax NNX."""

    def __init__(self, inputs, features, rngs):
        self.first = nnx.Linear(inputs, 16, rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(16, features, rngs=rngs)

    def __call__(self, *inputs):
        x = jnp.concatenate([x.reshape(len(x), -1) for x in inputs], axis=1)
        return self.last(jax.nn.silu(self.dropout(self.norm(self.first(x)))))


def plain_functions(inputs, features):
    """A pair of functions with a collection that counts its training passes."""

    def init(key, *given):
        kernel = 0.1 * jax.random.normal(key, (inputs, features))
        return {"params": {"kernel": kernel}, "passes": {"count": jnp.zeros(())}}

    def apply(variables, *given):
        x = jnp.concatenate([x.reshape(len(x), -1) for x in given], axis=1)
        return x @ variables["params"]["kernel"]

    def train(variables, key, *given):
        count = variables["passes"]["count"] + 1
        return apply(variables, *given), {"passes": {"count": count}}

    return Network(init, apply, train)


NETWORKS = {
    "dropout": lambda inputs, features: Noisy(features, statistics=False),
    "statistics": lambda inputs, features: Noisy(features, dropout=False),
    "both": lambda inputs, features: Noisy(features),
    "nnx": lambda inputs, features: nn.from_nnx(
        lambda rngs: NnxNoisy(inputs, features, rngs)
    ),
    "functions": plain_functions,
}


class NoisyLayer(linen.Module):
    """A layer along the last axis with statistics and dropout."""

    features: int

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        x = nn.BatchNorm()(
            linen.Dense(self.features, dtype=jnp.float32)(x), train=train
        )
        return linen.Dropout(0.5, deterministic=not train)(x)


class NoisyMap(linen.Module):
    """A map of places, and its mean."""

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        x = NoisyLayer(8)(patches(x, 2), train=train)
        return x, linen.Dense(4, dtype=jnp.float32)(x.mean(axis=(1, 2)))


class NoisyClassifier(linen.Module):
    """A logit and three scores of classes."""

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        found = NoisyLayer(4)(x, train=train)
        return found[:, :1], found[:, 1:]


class NoisyLevels(linen.Module):
    """The levels of a backbone."""

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        return tuple(NoisyLayer(4)(patches(x, s), train=train) for s in (4, 8))


class NoisyFaces(linen.Module):
    """What MTCNN's networks say of crops."""

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        found = NoisyLayer(6)(x.reshape(len(x), -1), train=train)
        return FaceOutput(found[:, :2], found[:, 2:], found[:, :0])


class NoisyEnlarger(linen.Module):
    """Levels of twice the size."""

    @linen.compact
    def __call__(self, levels, *, train: bool = False):
        enlarged = [x.repeat(2, axis=1).repeat(2, axis=2) for x in levels]
        return tuple(NoisyLayer(x.shape[-1])(x, train=train) for x in enlarged)


class NoisyTower(linen.Module):
    """The outputs of FCOS for three classes."""

    @linen.compact
    def __call__(self, levels, *, train: bool = False):
        outputs = [NoisyLayer(8)(level, train=train) for level in levels]
        cuts = {"logits": (0, 3), "distance": (3, 7), "centerness": (7, 8)}
        return {
            name: tuple(x[..., low:high] for x in outputs)
            for name, (low, high) in cuts.items()
        }


def noise(key, x):
    return x + 0.1 * jax.random.normal(key, x.shape)


def latent_model(net):
    return LatentModel(
        conditional_normal(conditioner(4)),
        conditional_normal(conditioner(8)),
        standard_normal((2,)),
        encoder=net(4, 6),
        decoder=net(2, 6),
    )


def noisy_parts():
    head = fcos(
        NoisyTower(), classes=3, strides=(4, 8), matching=by_size(ranges=(8.0,))
    )
    return NoisyLevels(), tiny_parts()[1], head


class Family(NamedTuple):
    """An objective of a network, and its batches.

    Fields:
        make: from the constructor of networks, `(inputs, features) -> network`.
        batch: `(rows, seed) -> batch`.
        is_vector: whether every network of vectors fits.
        is_variant: of another family: only its training pass is looked at.
    """

    make: Callable[..., Objective]
    batch: Callable[..., dict]
    is_vector: bool = True
    is_variant: bool = False


FAMILIES = {
    "conditional_likelihood": Family(
        lambda net: conditional_likelihood(
            conditional_normal(conditioner(8)), net(3, 4)
        ),
        conditional_batch,
    ),
    "simclr": Family(lambda net: simclr(net(4, 8), net(8, 4), augment=noise), batch),
    "flow_matching": Family(lambda net: flow_matching(net(5, 4)), batch),
    "mutual_information": Family(
        lambda net: estimation(separable_critic(net(3, 4), net(3, 4)), smile),
        pair_batch,
    ),
    "orderless_likelihood": Family(lambda net: orderless_likelihood(net(8, 4)), batch),
    "elbo": Family(lambda net: elbo(latent_model(net), latent_dim=2), batch),
    "iwae": Family(
        lambda net: iwae(latent_model(net), latent_dim=2, samples=3),
        batch,
        is_variant=True,
    ),
    "distillation": Family(
        lambda net: distillation(net(5, 4)), flow_pair_batch, is_variant=True
    ),
    "drop_condition": Family(
        lambda net: drop_condition(
            flow_matching(net(8, 4)), rate=0.5, unconditional=jnp.zeros(3)
        ),
        conditional_batch,
        is_variant=True,
    ),
    "deep_infomax": Family(
        lambda net: deep_infomax(NoisyMap(), conditioner(), conditioner()),
        image_batch,
        is_vector=False,
    ),
    "face_objective": Family(
        lambda net: face_objective(NoisyFaces()),
        face_batch,
        is_vector=False,
        is_variant=True,
    ),
    "detection": Family(
        lambda net: detection_objective(*noisy_parts()),
        scene_batch,
        is_vector=False,
    ),
}
CASES = [
    pytest.param(family, NETWORKS[network], id=f"{name}, {network}")
    for name, family in FAMILIES.items()
    for network in (
        NETWORKS if family.is_vector and not family.is_variant else ("both",)
    )
]
MIXED = {name: family for name, family in FAMILIES.items() if not family.is_variant}


def moved(before, after):
    """Whether each leaf is another one."""
    pairs = zip(*map(jax.tree.leaves, (before, after)), strict=True)
    return [not np.array_equal(a, b) for a, b in pairs]


def update_of(family, network):
    return gradient_descent(family.make(network), optax.sgd(1e-2))


@pytest.mark.parametrize(("family", "network"), CASES)
def test_a_training_pass_moves_every_collection_and_is_its_keys(family, network):
    objective = family.make(network)
    variables = jax.jit(objective.init)(KEY, family.batch())
    loss = jax.jit(objective.loss)
    first, (changed, _) = loss(variables, family.batch(), jax.random.key(1))
    again, _ = loss(variables, family.batch(), jax.random.key(1))
    assert np.isfinite(first)
    assert first == again
    if network is not NETWORKS["statistics"] and network is not plain_functions:
        assert first != loss(variables, family.batch(), jax.random.key(2))[0]
    assert set(changed) == set(variables) - {"params"}
    for name, own in changed.items():
        assert all(moved(own, variables[name]))


@pytest.mark.parametrize("family", every_third(MIXED))
def test_a_killed_run_is_one_that_never_stopped(family, tmp_path):
    rows = {k: np.asarray(v) for k, v in family.batch(32).items()}
    pipeline = on_device(ArraySource(rows), batch_size=16, seed=0)

    def run(steps, **kwargs):
        update = update_of(family, NETWORKS["both"])
        kwargs |= {"chunk": 2, "show_progress": False}
        return fit(update, pipeline, key=KEY, steps=steps, **kwargs)

    with Checkpoints(tmp_path, config={}) as checkpoints:
        run(2, checkpoints=checkpoints)
        resumed = run(4, checkpoints=checkpoints, resume=True)
    assert_equal(resumed, run(4))


@pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")
@pytest.mark.parametrize("family", MIXED.values(), ids=MIXED.keys())
def test_eight_devices_are_one(family):
    states, update = [], update_of(family, NETWORKS["both"])
    start = jax.jit(update.init)(KEY, family.batch())
    for devices in (1, 8):
        mesh = device_mesh(devices)
        state, shared = replicated(start, mesh), data_parallel(update, mesh)
        for seed in range(2):
            state, _ = shared.step(state, family.batch(seed=seed))
        states.append(jax.tree.map(np.asarray, state.variables))
    assert_close(*states, atol=1e-5)


def pairs_of(make):
    def of(net):
        return make(
            net(2, 4),
            net(6, 1),
            net(4, 2),
            loss=non_saturating(),
            latent=standard_normal((2,)),
        )

    return of


def consistent(net):
    latent = standard_normal((2,))
    inner = gan(net(2, 4), net(4, 1), loss=non_saturating(), latent=latent)
    return latent_consistency(inner, net(2, 4), net(4, 1), latent=latent)


NORMALS = conditional_normal(conditioner(8)), conditional_normal(conditioner(4))
"""Of data and of latents: densities that a game trains beside its networks."""
GAMES = {
    "gan": lambda net: gan(
        net(2, 4), net(4, 1), loss=non_saturating(), latent=standard_normal((2,))
    ),
    "bigan": pairs_of(bigan),
    "veegan": pairs_of(veegan),
    "ali": lambda net: ali(
        NORMALS[0],
        net(6, 1),
        NORMALS[1],
        loss=non_saturating(),
        latent=standard_normal((2,)),
    ),
    "adversarial_autoencoder": lambda net: adversarial_autoencoder(
        NORMALS[1],
        net(2, 1),
        NORMALS[0],
        loss=non_saturating(),
        prior=standard_normal((2,)),
    ),
    "info_gan": lambda net: info_gan(
        net(5, 4),
        net(4, 1),
        conditional_one_hot(conditioner(3)),
        loss=non_saturating(),
        latent=standard_normal((2,)),
        code=uniform_one_hot(3),
    ),
    "auxiliary_classifier_gan": lambda net: auxiliary_classifier_gan(
        nn.WithClass(conditioner(), classes=3),
        nn.from_linen(NoisyClassifier()),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    ),
    "latent_consistency": consistent,
    "with_discriminator": lambda net: tiny_restoration(net(4, 4), net(4, 1)),
}
PLAYED = [
    pytest.param(GAMES[game], NETWORKS[network], id=f"{game}, {network}")
    for game in GAMES
    for network in (NETWORKS if game == "gan" else ("both",))
]


@pytest.mark.parametrize(("game", "network"), PLAYED)
def test_both_players_of_a_game_move_their_collections(game, network):
    rows = labelled_batch() if game is GAMES["auxiliary_classifier_gan"] else batch()
    game = game(network)
    update = minimax(game, optax.sgd(0.1), optax.sgd(0.1))
    state = jax.jit(update.init)(KEY, rows)
    new, metrics = jax.jit(update.step)(state, rows)
    assert np.isfinite(metrics["loss"])
    for player in ("generator", "discriminator"):
        before, after = state.variables[player], new.variables[player]
        assert set(before) == set(after)
        for name in before:
            assert any(moved(before[name], after[name]))


def evaluated(network):
    """The network without its pass of training."""
    network = nn.as_network(network, user="laws")
    return Network(network.init, network.apply)


def in_training(network):
    """The network that is evaluated as it trains, which no evaluation may be."""
    network = nn.as_network(network, user="laws")
    return Network(
        network.init, lambda variables, *x: network.train(variables, KEY, *x)[0]
    )


def completed(network, variables, x):
    observed = jnp.array([True, False, False, False])
    return flow_inpaint(network, variables, KEY, x, observed, steps=2)


def guided_velocity(network, variables, x):
    network = guided(network, scale=2.0, unconditional=jnp.zeros(0))
    return network.apply(variables, x, jnp.zeros(len(x)), jnp.zeros((len(x), 0)))


EULER = fixed_steps(2)
EVALUATIONS = {
    "transport": lambda *flow: transport(*flow, integrator=EULER),
    "reflow_pairs": lambda *flow: reflow_pairs(*flow, integrator=EULER)["x"],
    "straightness": lambda *flow: straightness(*flow, steps=2),
    "velocity": lambda *flow: velocity(*flow, jnp.array(0.5)),
    "guided": guided_velocity,
    "flow_inpaint": completed,
}


def assert_evaluates(evaluate, network):
    """It makes of a network what it makes of one without a pass of training."""
    found = evaluate(network)
    np.testing.assert_array_equal(found, evaluate(evaluated(network)))
    assert not np.array_equal(found, evaluate(in_training(network)))


@pytest.mark.parametrize("evaluate", EVALUATIONS.values(), ids=EVALUATIONS.keys())
@pytest.mark.parametrize("name", ["dropout", "both", "nnx"])
def test_evaluation_draws_nothing(name, evaluate):
    network, x = NETWORKS[name](5, 4), batch()["x"]
    variables = flow_matching(network).init(KEY, batch())
    assert_evaluates(lambda network: evaluate(network, variables, x), network)


class NoisyLevelsOf(linen.Module):
    """What a head takes, with statistics and dropout."""

    features: int
    outputs: Callable

    @linen.compact
    def __call__(self, levels, *, train: bool = False):
        return self.outputs([NoisyLayer(self.features)(x, train=train) for x in levels])


@pytest.mark.parametrize("case", HEADS.values(), ids=HEADS.keys())
def test_heads_train_what_their_networks_hold_and_evaluate_without_noise(case):
    head = case.make(NoisyLevelsOf(case.features, case.outputs))
    levels = tuple(jax.random.normal(KEY, (4, side, side, 8)) for side in (8, 4))
    variables = jax.jit(head.init)(KEY, levels)
    train = jax.jit(head.train)
    first, changed = train(variables, jax.random.key(1), levels)
    assert set(changed) == set(variables) - {"params"}
    for name, own in changed.items():
        assert any(moved(own, variables[name]))
    again, _ = train(variables, jax.random.key(1), levels)
    assert_equal(first, again)
    other, _ = train(variables, jax.random.key(2), levels)
    found = head.apply(variables, levels)
    for own in (other, found):
        assert any(moved(first, own))
    assert_equal(found, head.apply(variables, levels))


X = jax.random.normal(KEY, (4, 16, 16, 3))
OF_LEVELS = {
    "with_enlarged": (with_enlarged(NoisyEnlarger()), (X,)),
    "for_each_image": (for_each_image(NoisyLevels()), (X, X[:, ::2, ::2])),
    "shared_branches": (shared_branches([NoisyEnlarger()] * 2), (X,)),
}


@pytest.mark.parametrize(("network", "given"), OF_LEVELS.values(), ids=OF_LEVELS.keys())
def test_networks_of_networks_train_what_those_hold_and_evaluate_without_noise(
    network, given
):
    variables = jax.jit(network.init)(KEY, given)
    train = jax.jit(network.train)
    first, changed = train(variables, jax.random.key(1), given)
    assert set(changed) == set(variables) - {"params"}
    for name, own in changed.items():
        assert all(moved(own, variables[name]))
    other, _ = train(variables, jax.random.key(2), given)
    found = network.apply(variables, given)
    for own in (other, found):
        assert not np.array_equal(first[-1], own[-1])
    assert_equal(first, train(variables, jax.random.key(1), given)[0])
    assert_equal(found, network.apply(variables, given))


def test_detection_and_completion_draw_nothing():
    (backbone, *parts), scene = noisy_parts(), scene_batch()
    found = detection_objective(backbone, *parts).init(KEY, scene)
    assert_evaluates(
        lambda backbone: detector(backbone, *parts)(found, scene["image"]).score,
        backbone,
    )
    plain, x = NETWORKS["dropout"](8, 4), batch()["x"]
    variables = orderless_likelihood(plain).init(KEY, batch())
    assert_evaluates(lambda network: deep_nade(network).log_prob(variables, x), plain)


class Pure(NamedTuple):
    """A density or a bijector of a network, and the shapes of its init.

    Fields:
        make: from the constructor of networks, `(inputs, features) -> network`.
        event: of one example.
        condition: of its condition, None where it has none.
    """

    make: Callable[..., Density | Bijector]
    event: tuple[int, ...] = (4,)
    condition: tuple[int, ...] | None = None


PURE = {
    "deep_nade": Pure(lambda net: deep_nade(net(8, 4))),
    "conditional_normal": Pure(
        lambda net: conditional_normal(net(3, 8)), condition=(3,)
    ),
    "continuous": Pure(lambda net: continuous(net(5, 4), integrator=EULER)),
    "conditional_bernoulli": Pure(
        lambda net: conditional_bernoulli(net(3, 4)), condition=(3,)
    ),
    "conditional_one_hot": Pure(
        lambda net: conditional_one_hot(net(3, 4)), condition=(3,)
    ),
    "embed_condition": Pure(
        lambda net: embed_condition(NORMALS[0], net(3, 5)), condition=(3,)
    ),
    "resampled": Pure(
        lambda net: resampled(
            standard_normal((4,)), net(4, 1), key=KEY, tries=2, points=10
        )
    ),
    "coupling": Pure(lambda net: coupling(affine(), net(2, 4), split=2)),
    "masked_coupling": Pure(
        lambda net: masked_coupling(affine(), net(4, 8), mask=alternating_mask(4))
    ),
    "masked_autoregressive": Pure(
        lambda net: masked_autoregressive(affine(), net(4, 8))
    ),
    "residual": Pure(lambda net: residual(net(4, 4))),
    "glow_step": Pure(lambda net: glow_step(affine(), net(2, 4), split=2)),
    "on_images": Pure(lambda net: deep_nade(on_images(NoisyLayer(1), shape=(2, 2, 1)))),
    "glow": Pure(
        lambda net: glow(
            affine(), lambda n: net(n, n), event_shape=(4, 4, 1), levels=1, steps=1
        ),
        (4, 4, 1),
    ),
    "realnvp": Pure(
        lambda net: realnvp(
            affine(), lambda n: net(n, n), event_shape=(4, 4, 1), levels=1, couplings=1
        ),
        (4, 4, 1),
    ),
}
OF_EVERY_NETWORK = {"deep_nade", "conditional_normal", "continuous"}
REFUSED = [
    pytest.param(pure, NETWORKS[network], id=f"{name}, {network}")
    for name, pure in PURE.items()
    for network in (NETWORKS if name in OF_EVERY_NETWORK else ("both",))
]


@pytest.mark.parametrize(("pure", "network"), REFUSED)
def test_a_density_refuses_what_a_training_pass_would_change_or_draw(pure, network):
    x = jnp.ones((16, *pure.event))
    condition = None if pure.condition is None else jnp.ones((16, *pure.condition))
    with pytest.raises(InputError, match="pure"):
        pure.make(network).init(KEY, x, condition)


INVERSES = {"cached", "sequential"}
"""Of `masked_autoregressive`, which holds the network."""


def test_every_function_that_takes_a_network_is_held_to_these_laws():
    here = {
        node.id
        for path in (Path(__file__), Path(__file__).with_name("heads.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name)
    }
    takers = {
        name
        for package in PACKAGES
        for name, value in vars(importlib.import_module(f"genjax.{package}")).items()
        if name in importlib.import_module(f"genjax.{package}").__all__
        and "NetworkLike" in str(getattr(value, "__annotations__", ""))
    }
    by_instances = {"with_discriminator"}  # `tiny_restoration`
    assert takers - here - by_instances - INVERSES - set(nn.__all__) == set()
