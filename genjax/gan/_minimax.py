"""From a game to an update."""

import jax
import jax.numpy as jnp
import optax

from genjax.base import Game, PlayerLoss, TrainState, Update
from genjax.checks import check_is
from genjax.gan._schedules import Aux, Player, Players, Schedule, Side, alternating
from genjax.steps import advance, gradient_of, key_of_step
from genjax.typing import Batch, Key, Metrics, Params, Variables


def minimax(
    game: Game,
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    *,
    schedule: Schedule | None = None,
) -> Update:
    """Plays a game: each player descends its own loss with its own optimiser.

    Batches are pytrees `[b, ...]`, all metrics scalars.

    Args:
        game: what the two minimise.
        generator_optimizer: any optax transformation.
        discriminator_optimizer: any optax transformation; another learning rate than
            the generator's is the two-time-scale rule.
        schedule: who steps when; `alternating()` when None.

    Returns:
        An update whose variables and optimiser states stand under `"generator"` and
        `"discriminator"`. Its metrics are those of both players, with their names
        before them, and `loss`, the generator's.

    Source: Goodfellow et al., 2014, arXiv:1406.2661; Heusel et al., 2017,
    arXiv:1706.08500 (two time scales).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import minimax, zero_sum
    >>> bilinear = zero_sum(
    ...     lambda x, y, batch, key: x * y,
    ...     lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
    ... )
    >>> update = minimax(bilinear, optax.sgd(0.5), optax.sgd(0.5))
    >>> state = update.init(jax.random.key(0), jnp.zeros(1))
    >>> state, _ = update.step(state, jnp.zeros(1))
    >>> [float(state.variables[p]["params"]) for p in ("generator", "discriminator")]
    [0.25, 1.5]
    """
    check_is("minimax", Game, game=game)
    check_is(
        "minimax", optax.GradientTransformation, generator_optimizer=generator_optimizer
    )
    check_is(
        "minimax",
        optax.GradientTransformation,
        discriminator_optimizer=discriminator_optimizer,
    )
    play = alternating() if schedule is None else schedule
    optimizers = Players(generator_optimizer, discriminator_optimizer)
    losses = Players(game.generator, game.discriminator)
    names = Players._fields

    def side(loss: PlayerLoss, optimizer: optax.GradientTransformation) -> Side:
        def gradient(
            own: Variables, other: Variables, batch: Batch, key: Key
        ) -> tuple[Params, Aux]:
            return gradient_of(lambda own: loss(own, other, batch, key), own)

        def advanced(
            player: Player, gradients: Params, aux: Aux
        ) -> tuple[Player, Metrics]:
            variables, state, metrics = advance(optimizer, *player, gradients, aux)
            return Player(variables, state), metrics

        return Side(gradient, advanced)

    sides = Players(*map(side, losses, optimizers))

    def init(key: Key, batch: Batch, /) -> TrainState:
        key_init, key_run = jax.random.split(key)
        variables = dict(zip(names, game.init(key_init, batch), strict=True))
        opt_state = {
            name: optimizer.init(variables[name].get("params", {}))
            for name, optimizer in zip(names, optimizers, strict=True)
        }
        return TrainState(jnp.zeros((), jnp.int32), key_run, variables, opt_state)

    def step(state: TrainState, batch: Batch, /) -> tuple[TrainState, Metrics]:
        key = key_of_step(state.key, state.step)
        both = Players(**state.variables), Players(**state.opt_state)
        players = Players(*map(Player, *both))
        players, metrics = play(sides, players, batch, key)
        variables = {n: p.variables for n, p in zip(names, players, strict=True)}
        opt_state = {n: p.opt_state for n, p in zip(names, players, strict=True)}
        named = {
            f"{player}_{name}": value
            for player, of_player in zip(names, metrics, strict=True)
            for name, value in of_player.items()
        }
        new = state._replace(
            step=state.step + 1, variables=variables, opt_state=opt_state
        )
        return new, {"loss": metrics.generator["loss"], **named}

    return Update(init, step)
