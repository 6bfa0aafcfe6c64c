"""The engine of all adversarial games: what is real, what is fake, and who tells."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from genjax.arrays import widened
from genjax.base import BatchInit, Density, Game, Network, NetworkLike, PlayerLoss
from genjax.errors import InputError
from genjax.gan._augmentation import Augmentation
from genjax.gan._losses import AdversarialLoss
from genjax.gan._penalties import Penalty, PenaltyInputs
from genjax.nn.adapters import as_network
from genjax.typing import (
    Array,
    Batch,
    Key,
    Memory,
    Metrics,
    Outcome,
    Output,
    PerExample,
    Scalar,
    Variables,
)
from genjax.variables import updated

MEMORY = "memory"
"""The collection of the discriminator's player that is not its network's."""


class RealAndFake(NamedTuple):
    """What a generator's side gives the discriminator to tell apart.

    Fields:
        real: inputs `[b, ...]` that the discriminator is to accept.
        fake: inputs that it is to reject, of the same shapes.
        changed: the collections that the generator's side has changed.
        metrics: to report with the generator's.
        condition: further inputs, the same for both.
        labels: what a classifying discriminator is to tell, or None.
        cost: what the generator's side minimises beside the adversarial loss.
    """

    real: tuple[Array, ...]
    fake: tuple[Array, ...]
    changed: Variables
    metrics: Metrics
    condition: tuple[Array, ...] = ()
    labels: Array | None = None
    cost: float | Scalar = 0.0


class Setting(NamedTuple):
    """What both players' losses are made of.

    Fields:
        user: the game's name, for errors' sentences.
        loss: an adversarial loss.
        penalties: added to the discriminator's loss.
        augment: of the first input, data and fakes alike.
        pack: how many examples are judged together.
        exchange: whether the generator's side minimises the discriminator's loss with
            data and fakes exchanged: where it also makes what counts as real.
        classify: `(outputs, labels) -> scalar`, minimised by both players, the
            discriminator's on data too; the discriminator returns logits and outputs.
        inputs: names of the discriminator's inputs, for errors' sentences.
    """

    user: str
    loss: AdversarialLoss
    penalties: Sequence[Penalty] = ()
    augment: Augmentation | None = None
    pack: int = 1
    exchange: bool = False
    classify: Callable[[Array, Array], Scalar] | None = None
    inputs: tuple[str, ...] = ("examples",)


class Logits(NamedTuple):
    """What a discriminator returns, and the collections that it has changed."""

    logits: PerExample
    outputs: Output
    changed: Variables


Generate: TypeAlias = Callable[[Variables, Batch, Key], RealAndFake]
"""`(variables of the generator's side, batch, key) -> RealAndFake`."""

Discriminate: TypeAlias = Callable[[Variables, Key, tuple[Array, ...]], Logits]
"""`(variables, key, inputs) -> Logits`."""


def draw_noise(latent: Density, batch: Batch, key: Key) -> Array:
    """Draws a row of noise for each example, of a distribution without parameters.

    Args:
        latent: the distribution.
        batch: with the field `"x"`.
        key: of the draw.
    """
    return latent.sample({}, key, len(batch["x"]))[0]


def adversarial(
    init: BatchInit, generate: Generate, discriminator: NetworkLike, setting: Setting
) -> Game:
    """Makes a game of what a generator's side makes and of a discriminator.

    Args:
        init: `(key, batch) -> variables` of the generator's side.
        generate: `(variables, batch, key) -> RealAndFake`.
        discriminator: from inputs to a logit per example.
        setting: of the losses.

    Raises:
        InputError: a setting is not what it must be.
    """
    _check(setting)
    network = as_network(discriminator, user=setting.user)

    def init_both(key: Key, batch: Batch, /) -> tuple[Variables, Variables]:
        key_generator, key_fake, key_discriminator = jax.random.split(key, 3)
        own = init(key_generator, batch)
        pair = _packed(generate(own, batch, key_fake), setting)
        other = network.init(key_discriminator, *pair.real, *pair.condition)
        if MEMORY in other:
            raise InputError(
                f"{setting.user}: the discriminator's collection {MEMORY!r} is taken "
                "by what the game remembers: name it otherwise."
            )
        return dict(own), {**other, **_memory(setting)}

    return Game(
        init_both,
        _generator_loss(generate, network, setting),
        _discriminator_loss(generate, network, setting),
    )


def _generator_loss(
    generate: Generate, network: Network, setting: Setting
) -> PlayerLoss:
    def loss(own: Variables, other: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_fake, key_augment, *keys = jax.random.split(key, 4)
        made = generate(own, batch, key_fake)
        pair = _packed(_augmented(made, setting, other, key_augment), setting)
        discriminate = _discriminate(network, setting, pair)
        real, fake = (
            discriminate(other, one, inputs)
            for one, inputs in zip(keys, (pair.real, pair.fake), strict=True)
        )
        adversarial = (
            setting.loss.discriminator(fake.logits, real.logits)
            if setting.exchange
            else setting.loss.generator(real.logits, fake.logits)
        )
        value = adversarial + pair.cost
        metrics = {"adversarial": adversarial, **pair.metrics}
        if setting.classify is not None and pair.labels is not None:
            error = setting.classify(fake.outputs, pair.labels)
            value, metrics = value + error, {**metrics, "classification": error}
        return value, (pair.changed, {**metrics, "loss": value})

    return loss


def _discriminator_loss(
    generate: Generate, network: Network, setting: Setting
) -> PlayerLoss:
    def loss(own: Variables, other: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_fake, key_augment, key_penalties, *keys = jax.random.split(key, 6)
        made = generate(other, batch, key_fake)
        pair = _packed(_augmented(made, setting, own, key_augment), setting)
        discriminate = _discriminate(network, setting, pair)
        real = discriminate(own, keys[0], pair.real)
        after = updated(own, real.changed)
        fake = discriminate(after, keys[1], pair.fake)
        seen = PenaltyInputs(
            lambda inputs: discriminate(own, keys[2], inputs).logits,
            pair.real,
            pair.fake,
            real.logits,
            fake.logits,
        )
        adversarial = setting.loss.discriminator(real.logits, fake.logits)
        memory: Memory = own.get(MEMORY, {})
        penalty, memory = _penalties(setting, memory, seen, key_penalties)
        if "augment" in memory and setting.augment is not None:
            adapted = setting.augment.adapt(memory["augment"], real.logits)
            memory = {**memory, "augment": adapted}
        value = adversarial + penalty
        metrics = {
            "adversarial": adversarial,
            "penalty": penalty,
            "real_logit": jnp.mean(real.logits),
            "fake_logit": jnp.mean(fake.logits),
            **memory.get("augment", {}),
        }
        if setting.classify is not None and pair.labels is not None:
            error = setting.classify(real.outputs, pair.labels)
            error = error + setting.classify(fake.outputs, pair.labels)
            value, metrics = value + error, {**metrics, "classification": error}
        changed = updated(real.changed, fake.changed)
        remembered = {MEMORY: memory} if memory else {}
        return value, ({**changed, **remembered}, {**metrics, "loss": value})

    return loss


def _discriminate(
    network: Network, setting: Setting, pair: RealAndFake
) -> Discriminate:
    def apply(variables: Variables, key: Key, inputs: tuple[Array, ...]) -> Logits:
        return logits_of(
            network,
            variables,
            key,
            (*inputs, *pair.condition),
            user=setting.user,
            classifies=setting.classify is not None,
        )

    return apply


def logits_of(
    network: Network,
    variables: Variables,
    key: Key,
    inputs: tuple[Array, ...],
    *,
    user: str,
    classifies: bool = False,
) -> Logits:
    """Returns one logit for each row of the inputs, in float32 or wider.

    Args:
        network: from inputs to logits, or to logits and further outputs; it is applied
            in training.
        variables: of the discriminator's player.
        key: of what is random in the network.
        inputs: one row per example.
        user: who asks, for the error's sentence.
        classifies: whether there are further outputs.

    Raises:
        InputError: the discriminator returns something else.
    """
    own = {name: part for name, part in variables.items() if name != MEMORY}
    found, changed = network.train(own, key, *inputs)
    if classifies != isinstance(found, tuple):
        wanted = "logits and further outputs" if classifies else "logits alone"
        shapes = jax.tree.map(lambda leaf: leaf.shape, found)
        raise InputError(
            f"{user}: the discriminator must return {wanted}, got {shapes}."
        )
    logits, outputs = found if classifies else (found, None)
    rows = len(inputs[0])
    if logits.shape not in ((rows,), (rows, 1)):
        raise InputError(
            f"{user}: the discriminator must return one logit per example, "
            f"[{rows}] or [{rows}, 1], got {logits.shape}."
        )
    return Logits(widened(logits.reshape(rows)), widened(outputs), changed)


def _check(setting: Setting) -> None:
    if not isinstance(setting.loss, AdversarialLoss):
        raise InputError(
            f"{setting.user}: loss must be an AdversarialLoss such as "
            f"non_saturating(), got {setting.loss!r}."
        )
    if isinstance(setting.penalties, Penalty) or not all(
        isinstance(penalty, Penalty) for penalty in setting.penalties
    ):
        raise InputError(
            f"{setting.user}: penalties must be a sequence of penalties such as "
            f"(r1(gamma=1.0),), got {setting.penalties!r}."
        )
    if setting.pack < 1:
        raise InputError(
            f"{setting.user}: pack must be at least 1, got {setting.pack}."
        )


def _augmented(
    pair: RealAndFake, setting: Setting, variables: Variables, key: Key
) -> RealAndFake:
    if setting.augment is None:
        return pair
    memory: Memory = variables.get(MEMORY, {})
    own = memory.get("augment", {})
    real, fake = (
        (setting.augment.apply(own, one, inputs[0]), *inputs[1:])
        for one, inputs in zip(
            jax.random.split(key), (pair.real, pair.fake), strict=True
        )
    )
    return pair._replace(real=real, fake=fake)


def _packed(pair: RealAndFake, setting: Setting) -> RealAndFake:
    """Checks the shapes, and packs rows along the last axis."""
    for name, real, fake in zip(setting.inputs, pair.real, pair.fake, strict=True):
        if real.shape != fake.shape:
            raise InputError(
                f"{setting.user}: {name} must have one shape, got {real.shape} on the "
                f"real side and {fake.shape} on the fake side."
            )
    if setting.pack == 1:
        return pair
    if pair.condition:
        raise InputError(f"{setting.user}: pack > 1 takes no condition.")
    rows = len(pair.real[0])
    if rows % setting.pack:
        raise InputError(
            f"{setting.user}: pack = {setting.pack} must divide the batch, got "
            f"{rows} rows."
        )

    def packed(x: Array) -> Array:
        x = x.reshape(rows // setting.pack, setting.pack, *x.shape[1:])
        x = jnp.moveaxis(x, 1, -2)
        return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])

    real, fake = jax.tree.map(packed, (pair.real, pair.fake))
    return pair._replace(real=real, fake=fake)


def _memory(setting: Setting) -> Variables:
    """The collection of what penalties and augmentation remember, where they do."""
    parts = {
        **{f"penalty_{i}": one.memory for i, one in enumerate(setting.penalties)},
        "augment": setting.augment.memory if setting.augment else {},
    }
    kept = {name: part for name, part in parts.items() if jax.tree.leaves(part)}
    return {MEMORY: kept} if kept else {}


def _penalties(
    setting: Setting, memory: Memory, seen: PenaltyInputs, key: Key
) -> tuple[Scalar, Memory]:
    """The sum of the penalties, and the memory with what they remember."""
    total = jnp.zeros(())
    keys = jax.random.split(key, max(1, len(setting.penalties)))
    for i, (penalty, one) in enumerate(zip(setting.penalties, keys, strict=False)):
        name = f"penalty_{i}"
        value, remembered = penalty.value(memory.get(name, {}), seen, one)
        total = total + value
        memory = {**memory, name: remembered} if name in memory else memory
    return total, memory
