"""Objectives that are to be like something besides."""

from collections.abc import Callable, Sequence

import jax

from genjax.base import Game, NetworkLike, Objective
from genjax.checks import check_is, check_not_negative
from genjax.gan._adversarial import RealAndFake, Setting, adversarial
from genjax.gan._losses import AdversarialLoss
from genjax.gan._penalties import Penalty
from genjax.typing import Array, Batch, Key, Variables

Pairs = Callable[[Variables, Batch, Key], tuple[tuple[Array, ...], tuple[Array, ...]]]
"""`(variables, batch, key) -> (real, fake)`, inputs of a discriminator."""


def with_discriminator(
    objective: Objective,
    pairs: Pairs,
    discriminator: NetworkLike,
    *,
    loss: AdversarialLoss,
    weight: float = 1.0,
    penalties: Sequence[Penalty] = (),
) -> Game:
    """A game of an objective's model, which is also to make what nobody tells apart.

        L_G = objective + w L_G(D(fake)),   L_D = L_D(D(real), D(fake))

    So are made conditional games such as image translation and super-resolution: the
    objective is the distance to the target, the pair are the target and what is made.

    Args:
        objective: of the generator's side.
        pairs: `(variables, batch, key) -> (real, fake)`, tuples of arrays `[n, ...]`
            of the same shapes, by the variables of the objective.
        discriminator: from these arrays to logits `[n]` or `[n, 1]`.
        loss: an adversarial loss.
        weight: w; 1 without it.
        penalties: added to the discriminator's loss.

    Returns:
        A game over the batches of the objective, whose generator's variables are the
        objective's.

    Raises:
        InputError: the weight is negative, or the fakes have another shape than what
            is real.

    Source: Isola, Zhu, Zhou and Efros, 2017, arXiv:1611.07004; Ledig et al., 2017,
    arXiv:1609.04802.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.base import Objective
    >>> from genjax.gan import hinge, with_discriminator
    >>> network = nn.MLP(features=2, hidden=(8,))
    >>> def loss(variables, batch, key):
    ...     error = jnp.mean((network.apply(variables, batch["x"]) - batch["y"]) ** 2)
    ...     return error, ({}, {"loss": error})
    >>> regression = Objective(lambda key, batch: network.init(key, batch["x"]), loss)
    >>> game = with_discriminator(
    ...     regression,
    ...     lambda v, batch, key: ((batch["y"],), (network.apply(v, batch["x"]),)),
    ...     nn.MLP(features=1, hidden=(8,)), loss=hinge(), weight=0.1,
    ... )
    >>> batch = {"x": jnp.ones((4, 3)), "y": jnp.zeros((4, 2))}
    >>> players = game.init(jax.random.key(0), batch)
    >>> sorted(game.generator(*players, batch, jax.random.key(1))[1][1])
    ['adversarial', 'loss', 'objective']
    """
    user = "with_discriminator"
    check_is(user, Objective, objective=objective)
    check_is(user, AdversarialLoss, loss=loss)
    check_not_negative(user, "weight", weight)

    def generate(variables: Variables, batch: Batch, key: Key) -> RealAndFake:
        key_loss, key_pairs = jax.random.split(key)
        value, (changed, metrics) = objective.loss(variables, batch, key_loss)
        real, fake = pairs(variables, batch, key_pairs)
        shown = {**metrics, "objective": value}
        return RealAndFake(real, fake, changed, shown, cost=value)

    def weighted(real: Array, fake: Array) -> Array:
        return weight * loss.generator(real, fake)

    setting = Setting(user, loss._replace(generator=weighted), penalties)
    return adversarial(objective.init, generate, discriminator, setting)
