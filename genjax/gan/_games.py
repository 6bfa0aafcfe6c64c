"""The GAN and its relatives with one generator and one discriminator."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from genjax.base import BatchInit, Density, Game, NetworkLike
from genjax.checks import check_is, check_not_negative, check_scaled, read_batch
from genjax.errors import InputError
from genjax.gan._adversarial import (
    Generate,
    RealAndFake,
    Setting,
    adversarial,
    draw_noise,
    logits_of,
)
from genjax.gan._augmentation import Augmentation
from genjax.gan._losses import AdversarialLoss
from genjax.gan._penalties import Penalty
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Key, Outcome, Params, Scalar, Variables


def gan(
    generator: NetworkLike,
    discriminator: NetworkLike,
    *,
    loss: AdversarialLoss,
    latent: Density,
    penalties: Sequence[Penalty] = (),
    augment: Augmentation | None = None,
    pack: int = 1,
) -> Game:
    """A generator that maps noise to data, and a discriminator that tells them apart.

        L_G = loss.generator(D(x), D(G(z))),   z ~ latent
        L_D = loss.discriminator(D(x), D(G(z))) + sum of the penalties

    Batches with a `condition` make it conditional: both networks take it as their last
    input. A player's own collections (batch statistics) change in its own turn only;
    those of the discriminator see the data first, then the fakes.

    Args:
        generator: from noise `[b, *latent]` to examples `[b, *event]`.
        discriminator: from examples to logits `[b]` or `[b, 1]`.
        loss: an adversarial loss.
        latent: the distribution of the noise, one without parameters.
        penalties: added to the discriminator's loss.
        augment: of data and fakes alike, in both players' turns.
        pack: how many examples the discriminator judges at once, side by side along
            the last axis: PacGAN; without a condition.

    Returns:
        A game over batches `{"x": [b, *event]}`, with `"condition"` `[b, ...]` or not.

    Raises:
        InputError: the fakes have another shape than the data, `pack` does not divide
            the batch, or the discriminator does not return one logit per example.

    Source: Goodfellow et al., 2014, arXiv:1406.2661; Mirza and Osindero, 2014,
    arXiv:1411.1784 (conditional); Lin et al., 2018, arXiv:1712.04086 (PacGAN).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import gan, non_saturating
    >>> game = gan(
    ...     nn.MLP(features=2, hidden=(8,)),
    ...     nn.MLP(features=1, hidden=(8,)),
    ...     loss=non_saturating(),
    ...     latent=standard_normal((4,)),
    ... )
    >>> batch = {"x": jnp.ones((3, 2))}
    >>> g, d = game.init(jax.random.key(0), batch)
    >>> game.generator(g, d, batch, jax.random.key(1))[0].shape
    ()
    """
    check_is("gan", Density, latent=latent)
    init, generate = _from_noise("gan", generator, latent)
    setting = Setting("gan", loss, penalties, augment, pack)
    return adversarial(init, generate, discriminator, setting)


def auxiliary_classifier_gan(
    generator: NetworkLike,
    discriminator: NetworkLike,
    *,
    loss: AdversarialLoss,
    latent: Density,
    weight: float = 1.0,
    penalties: Sequence[Penalty] = (),
    augment: Augmentation | None = None,
) -> Game:
    """A GAN whose discriminator also tells the class, to the good of both: AC-GAN.

        L_G + w E -log Q(c | G(z, c)),   L_D + w E (-log Q(c | x) - log Q(c | G(z, c)))

    Args:
        generator: from noise and classes `[b]` to examples.
        discriminator: from examples alone to logits and class logits `[b, classes]`,
            such as `nn.TwoHeads`.
        loss: an adversarial loss.
        latent: the distribution of the noise.
        weight: w, of the classification.
        penalties: added to the discriminator's loss.
        augment: of data and fakes alike.

    Returns:
        A game over batches `{"x": [b, *event], "condition": [b] integers}`.

    Raises:
        InputError: `weight` is negative, or the networks do not fit.

    Source: Odena, Olah and Shlens, 2017, arXiv:1610.09585.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import auxiliary_classifier_gan, hinge
    >>> game = auxiliary_classifier_gan(
    ...     nn.WithClass(nn.MLP(features=4, hidden=(8,)), classes=3),
    ...     nn.TwoHeads(nn.MLP(features=8, hidden=(8,)), outputs=3),
    ...     loss=hinge(), latent=standard_normal((2,)),
    ... )
    >>> batch = {"x": jnp.ones((6, 4)), "condition": jnp.arange(6) % 3}
    >>> generator, discriminator = game.init(jax.random.key(0), batch)
    >>> sorted(game.generator(generator, discriminator, batch, jax.random.key(1))[1][1])
    ['adversarial', 'classification', 'loss']
    """
    check_is("auxiliary_classifier_gan", Density, latent=latent)
    check_not_negative("auxiliary_classifier_gan", "weight", weight)
    init, made = _from_noise("auxiliary_classifier_gan", generator, latent)

    def generate(variables: Variables, batch: Batch, key: Key) -> RealAndFake:
        label = batch.get("condition")
        if label is None or not jnp.issubdtype(label.dtype, jnp.integer):
            raise InputError(
                "auxiliary_classifier_gan: batches need a 'condition' [b] of integers, "
                f"got {'none' if label is None else label.dtype}."
            )
        pair = made(variables, batch, key)
        return pair._replace(condition=(), labels=label)

    def classify(outputs: Array, labels: Array) -> Scalar:
        log_probs = jax.nn.log_softmax(outputs)
        of_labels = jnp.take_along_axis(log_probs, labels[:, None], axis=1)
        return -weight * jnp.mean(of_labels)

    setting = Setting(
        "auxiliary_classifier_gan", loss, penalties, augment, classify=classify
    )
    return adversarial(init, generate, discriminator, setting)


def latent_consistency(
    game: Game,
    generator: NetworkLike,
    discriminator: NetworkLike,
    *,
    latent: Density,
    noise: float = 0.05,
    discriminator_weight: float = 5.0,
    generator_weight: float = 0.5,
) -> Game:
    """Adds to a GAN that near noise is judged alike, and shown unlike.

        L_D + w_d E (D(G(z)) - D(G(z + e)))^2,   L_G - w_g E |G(z) - G(z + e)|^2

    `|.|^2` is the mean over the numbers of an example, and `e` normal.

    Noise is `[b, *latent]`, examples are `[b, *event]`, logits `[b]`.

    Args:
        game: a `gan` of the same networks, without packing.
        generator: from noise to examples.
        discriminator: from examples to logits.
        latent: the distribution of the noise.
        noise: the standard deviation of e.
        discriminator_weight: w_d.
        generator_weight: w_g.

    Raises:
        InputError: a number is negative.

    Source: Zhao et al., 2021, arXiv:2002.04724 (zCR; with `balanced_consistency`, ICR).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import gan, latent_consistency, non_saturating
    >>> networks = nn.MLP(features=4, hidden=(8,)), nn.MLP(features=1, hidden=(8,))
    >>> latent, batch = standard_normal((2,)), {"x": jnp.ones((6, 4))}
    >>> game = gan(*networks, loss=non_saturating(), latent=latent)
    >>> game = latent_consistency(game, *networks, latent=latent)
    >>> players = game.init(jax.random.key(0), batch)
    >>> game.generator(*players, batch, jax.random.key(1))[0].shape
    ()
    """
    check_is("latent_consistency", Game, game=game)
    check_is("latent_consistency", Density, latent=latent)
    user = "latent_consistency"
    check_not_negative(user, "noise", noise)
    check_not_negative(user, "discriminator_weight", discriminator_weight)
    check_not_negative(user, "generator_weight", generator_weight)

    making = as_network(generator, user=user)
    telling = as_network(discriminator, user=user)

    def neighbours(
        variables: Variables, batch: Batch, key: Key
    ) -> list[tuple[Array, ...]]:
        """What the generator makes of noise, and of noise nearby."""
        key_z, key_e, key_network = jax.random.split(key, 3)
        z = draw_noise(latent, batch, key_z)
        near = z + noise * jax.random.normal(key_e, z.shape)
        condition = _condition(batch)
        made = (
            making.train(variables, key_network, one, *condition)[0]
            for one in (z, near)
        )
        return [(fake, *condition) for fake in made]

    def generator_loss(
        own: Variables, other: Variables, batch: Batch, key: Key, /
    ) -> Outcome:
        key_game, key_pair = jax.random.split(key)
        value, (changed, metrics) = game.generator(own, other, batch, key_game)
        first, second = neighbours(own, batch, key_pair)
        spread = generator_weight * jnp.mean((first[0] - second[0]) ** 2)
        value = value - spread
        return value, (changed, {**metrics, "loss": value, "spread": spread})

    def discriminator_loss(
        own: Variables, other: Variables, batch: Batch, key: Key, /
    ) -> Outcome:
        key_game, key_pair, key_network = jax.random.split(key, 3)
        value, (changed, metrics) = game.discriminator(own, other, batch, key_game)
        logits = [
            logits_of(telling, own, key_network, inputs, user=user).logits
            for inputs in neighbours(other, batch, key_pair)
        ]
        change = discriminator_weight * jnp.mean((logits[0] - logits[1]) ** 2)
        value = value + change
        return value, (changed, {**metrics, "loss": value, "consistency": change})

    return Game(game.init, generator_loss, discriminator_loss)


def zero_sum(
    value: Callable[[Params, Params, Batch, Key], Array],
    init: Callable[[Key, Batch], tuple[Params, Params]],
) -> Game:
    """The game of any value function: one player minimises it, the other maximises.

        min_x max_y value(x, y)

    Args:
        value: `(x, y, batch, key) -> scalar`.
        init: `(key, batch) -> (x, y)`, the parameters of both players: arrays or
            numbers.

    Returns:
        A game whose generator is the minimising player.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import zero_sum
    >>> bilinear = zero_sum(
    ...     lambda x, y, batch, key: x * y,
    ...     lambda key, batch: (jnp.array(1.0), jnp.array(2.0)),
    ... )
    >>> x, y = bilinear.init(jax.random.key(0), None)
    >>> float(bilinear.discriminator(y, x, None, jax.random.key(0))[0])
    -2.0
    """

    def init_both(key: Key, batch: Batch, /) -> tuple[Variables, Variables]:
        x, y = jax.tree.map(jnp.array, init(key, batch))
        return {"params": x}, {"params": y}

    def minimise(
        own: Variables, other: Variables, batch: Batch, key: Key, /
    ) -> Outcome:
        result = value(own["params"], other["params"], batch, key)
        return result, ({}, {"loss": result})

    def maximise(
        own: Variables, other: Variables, batch: Batch, key: Key, /
    ) -> Outcome:
        result = -value(other["params"], own["params"], batch, key)
        return result, ({}, {"loss": result})

    return Game(init_both, minimise, maximise)


def _from_noise(
    user: str, generator: NetworkLike, latent: Density
) -> tuple[BatchInit, Generate]:
    """`init` and `generate` of a generator of noise, and of a condition if given."""
    network = as_network(generator, user=user)

    def init(key: Key, batch: Batch, /) -> Variables:
        x, _ = read_batch(user, batch, ("x",), ("condition",))
        check_scaled(user, x)
        key_noise, key_generator = jax.random.split(key)
        z = draw_noise(latent, batch, key_noise)
        return network.init(key_generator, z, *_condition(batch))

    def generate(variables: Variables, batch: Batch, key: Key) -> RealAndFake:
        key_noise, key_network = jax.random.split(key)
        condition = _condition(batch)
        z = draw_noise(latent, batch, key_noise)
        fake, changed = network.train(variables, key_network, z, *condition)
        return RealAndFake((batch["x"],), (fake,), changed, {}, condition)

    return init, generate


def _condition(batch: Batch) -> tuple[Array, ...]:
    return (batch["condition"],) if "condition" in batch else ()
