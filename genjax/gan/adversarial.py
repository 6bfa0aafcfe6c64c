"""The engine of all adversarial games: what is shown, and how it is judged."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density, Game, Network
from genjax.checks import widened
from genjax.errors import InputError
from genjax.gan.augment import Augmentation
from genjax.gan.losses import AdversarialLoss
from genjax.gan.penalties import Judged, Penalty
from genjax.nn import training_pass
from genjax.typing import Array, Batch, Key, PerExample, Scalar, Variables

Outcome = tuple[Array, tuple[Variables, dict[str, Array]]]

MEMORY = "memory"
"""The collection of the discriminator's player that is not its network's."""


class Scene(NamedTuple):
    """What a generator's side lays before the discriminator.

    Fields:
        real: inputs `[b, ...]` that the discriminator is to accept.
        fake: inputs that it is to reject, of the same shapes.
        new: the collections that the generator's side has changed.
        metrics: to report with the generator's.
        condition: further inputs, the same for both.
        labels: what a classifying discriminator is to tell, or None.
        cost: what the generator's side minimises beside the adversarial loss.
    """

    real: tuple[Array, ...]
    fake: tuple[Array, ...]
    new: Variables
    metrics: dict[str, Array]
    condition: tuple[Array, ...] = ()
    labels: Any = None
    cost: Any = 0.0


class Rules(NamedTuple):
    """How a discriminator judges, and what the players make of it.

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


class Verdict(NamedTuple):
    """What a discriminator says of inputs, and the collections it has changed."""

    logits: PerExample
    outputs: Any
    new: Variables


Produce = Callable[[Variables, Batch, Key], Scene]


def draw_noise(latent: Density, batch: Batch, key: Key) -> Array:
    """Draws a row of noise for each example, of a distribution without parameters."""
    return latent.sample({}, key, len(batch["x"]))[0]


def adversarial(
    init: Callable[[Key, Batch], Variables],
    produce: Produce,
    discriminator: Network,
    rules: Rules,
) -> Game:
    """Makes a game of what a generator's side produces and of a discriminator.

    Args:
        init: `(key, batch) -> variables` of the generator's side.
        produce: `(variables, batch, key) -> Scene`.
        discriminator: from a scene's inputs to a logit an example.
        rules: how it judges.

    Raises:
        InputError: a rule is not what it must be.
    """
    _check(rules)

    def begin(key: Key, batch: Batch) -> tuple[Variables, Variables]:
        key_generator, key_scene, key_discriminator = jax.random.split(key, 3)
        mine = init(key_generator, batch)
        scene = _packed(produce(mine, batch, key_scene), rules)
        other = discriminator.init(key_discriminator, *scene.real, *scene.condition)
        if MEMORY in other:
            raise InputError(
                f"{rules.user}: the discriminator's collection {MEMORY!r} is taken by "
                "what the game remembers: name it otherwise."
            )
        return dict(mine), {**other, **_memory(rules)}

    return Game(
        begin,
        _generator_loss(produce, discriminator, rules),
        _discriminator_loss(produce, discriminator, rules),
    )


def _generator_loss(
    produce: Produce, discriminator: Network, rules: Rules
) -> Callable[..., Outcome]:
    def loss(mine: Variables, other: Variables, batch: Batch, key: Key) -> Outcome:
        key_scene, key_augment = jax.random.split(key)
        made = produce(mine, batch, key_scene)
        scene = _packed(_augmented(made, rules, other, key_augment), rules)
        judged = _judge_of(discriminator, rules, scene)
        real, fake = judged(other, scene.real), judged(other, scene.fake)
        adversarial = (
            rules.loss.discriminator(fake.logits, real.logits)
            if rules.exchange
            else rules.loss.generator(real.logits, fake.logits)
        )
        value = adversarial + scene.cost
        metrics = {"adversarial": adversarial, **scene.metrics}
        if rules.classify is not None:
            told = rules.classify(fake.outputs, scene.labels)
            value, metrics = value + told, {**metrics, "classification": told}
        return value, (scene.new, {"loss": value, **metrics})

    return loss


def _discriminator_loss(
    produce: Produce, discriminator: Network, rules: Rules
) -> Callable[..., Outcome]:
    def loss(mine: Variables, other: Variables, batch: Batch, key: Key) -> Outcome:
        key_scene, key_augment, key_penalties = jax.random.split(key, 3)
        made = produce(other, batch, key_scene)
        scene = _packed(_augmented(made, rules, mine, key_augment), rules)
        judged = _judge_of(discriminator, rules, scene)
        real = judged(mine, scene.real)
        fake = judged({**mine, **real.new}, scene.fake)
        evidence = Judged(
            lambda inputs: judged(mine, inputs).logits,
            scene.real,
            scene.fake,
            real.logits,
            fake.logits,
        )
        adversarial = rules.loss.discriminator(real.logits, fake.logits)
        memory = mine.get(MEMORY, {})
        penalty, memory = _penalties(rules, memory, evidence, key_penalties)
        if "augment" in memory and rules.augment is not None:
            adapted = rules.augment.adapt(memory["augment"], real.logits)
            memory = {**memory, "augment": adapted}
        value = adversarial + penalty
        metrics = {
            "adversarial": adversarial,
            "penalty": penalty,
            "real_logit": jnp.mean(real.logits),
            "fake_logit": jnp.mean(fake.logits),
            **memory.get("augment", {}),
        }
        if rules.classify is not None:
            told = rules.classify(real.outputs, scene.labels)
            told = told + rules.classify(fake.outputs, scene.labels)
            value, metrics = value + told, {**metrics, "classification": told}
        new = {**real.new, **fake.new, **({MEMORY: memory} if memory else {})}
        return value, (new, {"loss": value, **metrics})

    return loss


def _judge_of(discriminator: Network, rules: Rules, scene: Scene) -> Any:
    """`(variables, inputs) -> Verdict` of inputs in a scene."""

    def judged(variables: Variables, inputs: tuple[Array, ...]) -> Verdict:
        return judge(
            discriminator,
            variables,
            (*inputs, *scene.condition),
            user=rules.user,
            classifies=rules.classify is not None,
        )

    return judged


def judge(
    discriminator: Network,
    variables: Variables,
    inputs: tuple[Array, ...],
    *,
    user: str,
    classifies: bool = False,
) -> Verdict:
    """Returns one logit for each row of the inputs, in float32 or wider.

    Args:
        discriminator: from inputs to logits, or to logits and further outputs.
        variables: of the discriminator's player.
        inputs: one row an example.
        user: who asks, for the error's sentence.
        classifies: whether there are further outputs.

    Raises:
        InputError: the discriminator returns something else.
    """
    own = {name: part for name, part in variables.items() if name != MEMORY}
    found, new = training_pass(discriminator, own, *inputs)
    if classifies != isinstance(found, tuple):
        wanted = "logits and further outputs" if classifies else "logits alone"
        raise InputError(
            f"{user}: the discriminator must return {wanted}, got {_shapes(found)}."
        )
    logits, outputs = found if classifies else (found, None)
    rows = len(inputs[0])
    if logits.shape not in ((rows,), (rows, 1)):
        raise InputError(
            f"{user}: the discriminator must return one logit an example, "
            f"[{rows}] or [{rows}, 1], got {logits.shape}."
        )
    return Verdict(widened(logits.reshape(rows)), widened(outputs), new)


def _shapes(outputs: Any) -> str:
    return str(jax.tree.map(lambda leaf: leaf.shape, outputs))


def _check(rules: Rules) -> None:
    if not isinstance(rules.loss, AdversarialLoss):
        raise InputError(
            f"{rules.user}: loss must be an AdversarialLoss such as non_saturating(), "
            f"got {rules.loss!r}."
        )
    if isinstance(rules.penalties, Penalty) or not all(
        isinstance(penalty, Penalty) for penalty in rules.penalties
    ):
        raise InputError(
            f"{rules.user}: penalties must be a sequence of penalties such as "
            f"(r1(1.0),), got {rules.penalties!r}."
        )
    if rules.pack < 1:
        raise InputError(f"{rules.user}: pack must be at least 1, got {rules.pack}.")


def _augmented(scene: Scene, rules: Rules, variables: Variables, key: Key) -> Scene:
    if rules.augment is None:
        return scene
    memory = variables.get(MEMORY, {}).get("augment", {})
    real, fake = (
        (rules.augment.apply(memory, one, inputs[0]), *inputs[1:])
        for one, inputs in zip(
            jax.random.split(key), (scene.real, scene.fake), strict=True
        )
    )
    return scene._replace(real=real, fake=fake)


def _packed(scene: Scene, rules: Rules) -> Scene:
    """Checks the shapes, and packs rows along the last axis."""
    for name, real, fake in zip(rules.inputs, scene.real, scene.fake, strict=True):
        if real.shape != fake.shape:
            raise InputError(
                f"{rules.user}: {name} must have one shape, got {real.shape} on the "
                f"real side and {fake.shape} on the fake side."
            )
    if rules.pack == 1:
        return scene
    if scene.condition:
        raise InputError(f"{rules.user}: pack > 1 takes no condition.")
    rows = len(scene.real[0])
    if rows % rules.pack:
        raise InputError(
            f"{rules.user}: pack = {rules.pack} must divide the batch, got {rows} rows."
        )

    def packed(x: Array) -> Array:
        x = x.reshape(rows // rules.pack, rules.pack, *x.shape[1:])
        x = jnp.moveaxis(x, 1, -2)
        return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])

    real, fake = jax.tree.map(packed, (scene.real, scene.fake))
    return scene._replace(real=real, fake=fake)


def _memory(rules: Rules) -> Variables:
    """The collection of what penalties and augmentation remember, where they do."""
    parts = {
        **{f"penalty_{i}": one.memory for i, one in enumerate(rules.penalties)},
        "augment": rules.augment.memory if rules.augment else {},
    }
    kept = {name: part for name, part in parts.items() if jax.tree.leaves(part)}
    return {MEMORY: kept} if kept else {}


def _penalties(
    rules: Rules, memory: Variables, evidence: Judged, key: Key
) -> tuple[Scalar, Variables]:
    """The sum of the penalties, and the memory with what they remember."""
    total = jnp.zeros(())
    keys = jax.random.split(key, max(1, len(rules.penalties)))
    for i, (penalty, one) in enumerate(zip(rules.penalties, keys, strict=False)):
        name = f"penalty_{i}"
        value, remembered = penalty.value(memory.get(name, {}), evidence, one)
        total = total + value
        memory = {**memory, name: remembered} if name in memory else memory
    return total, memory
