"""A generator that looks ahead at how the discriminator will answer."""

import jax
import optax

from genjax.base import Game
from genjax.checks import check_is, check_not_negative
from genjax.steps import descend
from genjax.typing import Batch, Carry, Key, Outcome, Params, Variables


def unrolled(
    game: Game, optimizer: optax.GradientTransformation, *, steps: int
) -> Game:
    """Lets the generator minimise its loss against a discriminator some steps ahead.

        L_G(x, y_k(x)),   y_{i+1}(x) = y_i + optimizer(dL_D(x, y_i) / dy)

    The gradient goes through the discriminator's steps, which are forgotten after.

    Batches are `[b, ...]`, both losses scalars.

    Args:
        game: any game.
        optimizer: of the steps ahead, with a fresh state in each turn.
        steps: how many; the game itself with 0.

    Raises:
        InputError: `steps` is negative.

    Source: Metz et al., 2017, arXiv:1611.02163.

    >>> import jax
    >>> import optax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import unrolled, zero_sum
    >>> value = lambda x, y, batch, key: x * y - y**2 / 2
    >>> begin = lambda key, batch: (jnp.array(1.0), jnp.array(0.0))
    >>> game = unrolled(zero_sum(value, begin), optax.sgd(1.0), steps=1)
    >>> x, y = game.init(jax.random.key(0), None)
    >>> float(game.generator(x, y, None, jax.random.key(1))[0])
    0.5
    """
    check_is("unrolled", Game, game=game)
    check_is("unrolled", optax.GradientTransformation, optimizer=optimizer)
    check_not_negative("unrolled", "steps", steps)
    if steps == 0:
        return game

    def generator(
        own: Variables, other: Variables, batch: Batch, key: Key, /
    ) -> Outcome:
        key_game, key_ahead = jax.random.split(key)

        def ahead(player: Carry, key: Key) -> tuple[Carry, None]:
            variables, opt_state = player
            variables, opt_state, _ = descend(
                lambda rival: game.discriminator(rival, own, batch, key),
                optimizer,
                variables,
                opt_state,
            )
            return (variables, opt_state), None

        params: Params = other.get("params", {})
        start = (other, optimizer.init(params))
        (seen, _), _ = jax.lax.scan(ahead, start, jax.random.split(key_ahead, steps))
        return game.generator(own, seen, batch, key_game)

    return Game(game.init, generator, game.discriminator)
