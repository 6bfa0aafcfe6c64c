"""Games of two players: generator against discriminator, or any two."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Density, Game, Network
from genjax.errors import InputError
from genjax.gan.losses import AdversarialLoss
from genjax.gan.penalties import Penalty
from genjax.nn import training_pass
from genjax.typing import Array, Batch, Key, Params, Variables

Outcome = tuple[Array, tuple[Variables, dict[str, Array]]]


def gan(
    generator: Network,
    discriminator: Network,
    *,
    loss: AdversarialLoss,
    latent: Density,
    penalties: Sequence[Penalty] = (),
) -> Game:
    """A generator that maps noise to data, and a discriminator that tells them apart.

        L_G = loss.generator(D(x), D(G(z))),   z ~ latent
        L_D = loss.discriminator(D(x), D(G(z))) + sum of the penalties

    A player's own collections (batch statistics) change in its own turn only; those of
    the discriminator see the data first, then the fakes.

    Args:
        generator: from noise `[b, *latent]` to examples `[b, *event]`.
        discriminator: from examples to logits `[b]` or `[b, 1]`.
        loss: an adversarial loss.
        latent: the distribution of the noise, one without parameters.
        penalties: added to the discriminator's loss.

    Returns:
        A game over batches `{"x": [b, *event]}`.

    Raises:
        InputError: the fakes have another shape than the data, or the discriminator
            does not return one logit an example.

    Source: Goodfellow et al., 2014, arXiv:1406.2661.

    >>> from genjax import nn
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import non_saturating
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

    def noise(key: Key, x: Array) -> Array:
        return latent.sample({}, key, len(x))[0]

    def judge(variables: Variables, x: Array) -> tuple[Array, Variables]:
        logits, new = training_pass(discriminator, variables, x)
        return _one_logit(logits, x), new

    def init(key: Key, batch: Batch) -> tuple[Variables, Variables]:
        key_noise, key_generator, key_discriminator = jax.random.split(key, 3)
        z = noise(key_noise, batch["x"])
        mine = generator.init(key_generator, z)
        shapes = jax.eval_shape(lambda: training_pass(generator, mine, z)[0])
        if shapes.shape != batch["x"].shape:
            raise InputError(
                f"gan: the generator must return the shape {batch['x'].shape} of the "
                f"data, got {shapes.shape}."
            )
        return dict(mine), dict(discriminator.init(key_discriminator, batch["x"]))

    def generator_loss(
        mine: Variables, other: Variables, batch: Batch, key: Key
    ) -> Outcome:
        fake, new = training_pass(generator, mine, noise(key, batch["x"]))
        real_logits, _ = judge(other, batch["x"])
        fake_logits, _ = judge(other, fake)
        value = loss.generator(real_logits, fake_logits)
        return value, (new, {"loss": value})

    def discriminator_loss(
        mine: Variables, other: Variables, batch: Batch, key: Key
    ) -> Outcome:
        key_noise, *keys = jax.random.split(key, 1 + len(penalties))
        real = batch["x"]
        fake, _ = training_pass(generator, other, noise(key_noise, real))
        real_logits, after_real = judge(mine, real)
        seen = {**mine, **after_real}
        fake_logits, after_fake = judge(seen, fake)
        adversarial = loss.discriminator(real_logits, fake_logits)
        penalty = sum(
            (
                one(lambda x: judge(mine, x)[0], real, fake, key_i)
                for one, key_i in zip(penalties, keys, strict=True)
            ),
            jnp.zeros(()),
        )
        value = adversarial + penalty
        metrics = {"loss": value, "adversarial": adversarial, "penalty": penalty}
        return value, (after_fake, metrics)

    return Game(init, generator_loss, discriminator_loss)


def zero_sum(
    value: Callable[[Params, Params, Batch, Key], Array],
    init: Callable[[Key, Batch], tuple[Params, Params]],
) -> Game:
    """The game of any value function: one player minimises it, the other maximises.

        min_x max_y value(x, y)

    Args:
        value: `(x, y, batch, key) -> scalar`.
        init: `(key, batch) -> (x, y)`, the parameters of both players.

    Returns:
        A game whose generator is the minimising player.

    >>> bilinear = zero_sum(
    ...     lambda x, y, batch, key: x * y,
    ...     lambda key, batch: (jnp.array(1.0), jnp.array(2.0)),
    ... )
    >>> x, y = bilinear.init(jax.random.key(0), None)
    >>> float(bilinear.discriminator(y, x, None, None)[0])
    -2.0
    """

    def begin(key: Key, batch: Batch) -> tuple[Variables, Variables]:
        x, y = init(key, batch)
        return {"params": x}, {"params": y}

    def minimise(mine: Variables, other: Variables, batch: Any, key: Any) -> Outcome:
        result = value(mine["params"], other["params"], batch, key)
        return result, ({}, {"loss": result})

    def maximise(mine: Variables, other: Variables, batch: Any, key: Any) -> Outcome:
        result = -value(other["params"], mine["params"], batch, key)
        return result, ({}, {"loss": result})

    return Game(begin, minimise, maximise)


def _one_logit(logits: Array, x: Array) -> Array:
    if logits.shape not in ((len(x),), (len(x), 1)):
        raise InputError(
            f"gan: the discriminator must return one logit an example, [{len(x)}] or "
            f"[{len(x)}, 1], got {logits.shape}."
        )
    return logits.reshape(len(x)).astype(jnp.float32)
