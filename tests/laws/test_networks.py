"""Every family takes every network: dropout, statistics, both, NNX, plain functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

from genjax import nn
from genjax.autoregressive import deep_nade, orderless_likelihood
from genjax.base import Network, Objective
from genjax.data import ArraySource, on_device
from genjax.densities import conditional_likelihood, conditional_normal, standard_normal
from genjax.detection import detection_objective, detector
from genjax.errors import InputError
from genjax.flow_matching import (
    continuous,
    distillation,
    drop_condition,
    fixed_steps,
    flow_matching,
    transport,
)
from genjax.gan import gan, minimax, non_saturating
from genjax.mutual_information import estimation, separable_critic, smile
from genjax.self_supervised import deep_infomax, simclr
from genjax.training import (
    Checkpoints,
    data_parallel,
    device_mesh,
    fit,
    gradient_descent,
)
from genjax.vae import LatentModel, elbo, iwae
from tests.laws.compare import assert_close, assert_equal
from tests.laws.instances import (
    Noisy,
    batch,
    conditional_batch,
    conditioner,
    flow_pair_batch,
    image_batch,
    pair_batch,
    patches,
    scene_batch,
    tiny_parts,
)

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


class NoisyMap(linen.Module):
    """A map of places with statistics and dropout, and its mean."""

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        x = linen.Dense(8, dtype=jnp.float32)(patches(x, 2))
        x = linen.Dropout(0.5, deterministic=not train)(nn.BatchNorm()(x, train=train))
        return x, linen.Dense(4, dtype=jnp.float32)(x.mean(axis=(1, 2)))


class NoisyLevels(linen.Module):
    """The levels of a backbone with statistics and dropout."""

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        levels = [linen.Dense(4, dtype=jnp.float32)(patches(x, s)) for s in (4, 8)]
        return tuple(
            linen.Dropout(0.5, deterministic=not train)(nn.BatchNorm()(y, train=train))
            for y in levels
        )


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
    "detection": Family(
        lambda net: detection_objective(NoisyLevels(), *tiny_parts()[1:]),
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
MIXED = [
    pytest.param(family, NETWORKS["both"], id=name)
    for name, family in FAMILIES.items()
    if not family.is_variant
]


def update_of(family, network):
    return gradient_descent(family.make(network), optax.sgd(1e-2))


@pytest.mark.parametrize(("family", "network"), CASES)
def test_a_training_pass_moves_every_collection_and_is_its_keys(family, network):
    objective = family.make(network)
    variables = jax.jit(objective.init)(KEY, family.batch())
    loss = jax.jit(objective.loss)
    first, (changed, _) = loss(variables, family.batch(), jax.random.key(1))
    again, _ = loss(variables, family.batch(), jax.random.key(1))
    assert jnp.isfinite(first)
    assert first == again
    assert set(changed) == set(variables) - {"params"}
    for name, own in changed.items():
        pairs = zip(*map(jax.tree.leaves, (own, variables[name])), strict=True)
        assert all(not np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("family", "network"), MIXED)
def test_a_killed_run_is_one_that_never_stopped(family, network, tmp_path):
    rows = {k: np.asarray(v) for k, v in family.batch(32).items()}
    pipeline = on_device(ArraySource(rows), batch_size=16, seed=0)

    def run(steps, **kwargs):
        update = update_of(family, network)
        kwargs |= {"chunk": 2, "show_progress": False}
        return fit(update, pipeline, key=KEY, steps=steps, **kwargs).state

    with Checkpoints(tmp_path, config={}) as checkpoints:
        run(2, checkpoints=checkpoints)
        resumed = run(4, checkpoints=checkpoints, resume=True)
    assert_equal(resumed, run(4))


@pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")
@pytest.mark.parametrize(("family", "network"), MIXED)
def test_eight_devices_are_one(family, network):
    states = []
    for devices in (1, 8):
        update = data_parallel(update_of(family, network), device_mesh(devices))
        state = update.init(KEY, family.batch())
        for seed in range(2):
            state, _ = update.step(state, family.batch(seed=seed))
        states.append(jax.tree.map(np.asarray, state.variables))
    assert_close(*states, atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_both_players_of_a_game_move_their_collections(network):
    game = gan(
        network(2, 4),
        network(4, 1),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    )
    update = minimax(game, optax.sgd(0.1), optax.sgd(0.1))
    state = jax.jit(update.init)(KEY, batch())
    new, metrics = jax.jit(update.step)(state, batch())
    assert jnp.isfinite(metrics["loss"])
    for player in ("generator", "discriminator"):
        before, after = state.variables[player], new.variables[player]
        assert set(before) == set(after)
        for name in before:
            leaves = map(jax.tree.leaves, (before[name], after[name]))
            pairs = list(zip(*leaves, strict=True))
            assert any(not np.array_equal(a, b) for a, b in pairs)


def drawn_twice(evaluate):
    return np.testing.assert_array_equal(evaluate(), evaluate())


@pytest.mark.parametrize("name", ["dropout", "both", "nnx"])
def test_evaluation_draws_nothing(name):
    x, network = batch()["x"], NETWORKS[name](5, 4)
    variables = flow_matching(network).init(KEY, batch())
    integrator = fixed_steps(2)
    drawn_twice(lambda: transport(network, variables, x, integrator=integrator))
    backbone, parts = NoisyLevels(), tiny_parts()[1:]
    scene = scene_batch()
    variables = detection_objective(backbone, *parts).init(KEY, scene)
    drawn_twice(lambda: detector(backbone, *parts)(variables, scene["image"]).score)
    plain = NETWORKS["dropout"](8, 4)
    variables = orderless_likelihood(plain).init(KEY, batch())
    drawn_twice(lambda: deep_nade(plain).log_prob(variables, x))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_density_refuses_what_a_training_pass_would_change_or_draw(name):
    x = batch()["x"]
    for make in (
        lambda: deep_nade(NETWORKS[name](8, 4)).init(KEY, x),
        lambda: conditional_normal(NETWORKS[name](3, 8)).init(
            KEY, x, conditional_batch()["condition"]
        ),
        lambda: continuous(NETWORKS[name](5, 4), integrator=fixed_steps(2)).init(
            KEY, x
        ),
    ):
        with pytest.raises(InputError, match="pure"):
            make()
