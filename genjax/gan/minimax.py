"""From a game to an update: who steps when."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from genjax.base import Game, TrainState, Update
from genjax.errors import InputError
from genjax.steps import descend, key_of_step, microbatches
from genjax.typing import Array, Batch, Key, Variables


class Player(NamedTuple):
    """One player's variables and the state of its optimiser."""

    variables: Variables
    opt_state: Any


class Players(NamedTuple):
    """Something of both players."""

    generator: Any
    discriminator: Any


Turn = Callable[[Player, Variables, Batch, Key], tuple[Player, dict[str, Array]]]
"""`(player, the other's variables, batch, key) -> (player, metrics)`."""

Schedule = Callable[[Players, Players, Batch, Key], tuple[Players, Players]]
"""`(turns, players, batch, key) -> (players, metrics of both)`."""


def alternating(*, n_discriminator: int = 1) -> Schedule:
    """The discriminator steps first, `n_discriminator` times; then the generator.

    The batch is cut into `n_discriminator` equal parts, one a step, so that each sees
    fresh data; the generator's step takes the last.

    Args:
        n_discriminator: steps of the discriminator for one of the generator.

    Raises:
        InputError: `n_discriminator` is not positive or does not divide the batch.
    """
    if n_discriminator < 1:
        raise InputError(
            f"alternating: n_discriminator must be at least 1, got {n_discriminator}."
        )

    def play(turns: Players, players: Players, batch: Batch, key: Key) -> Any:
        key_generator, key_discriminator = jax.random.split(key)
        parts = microbatches(batch, n_discriminator, user="alternating")
        keys = jax.random.split(key_discriminator, n_discriminator)

        def one(player: Player, item: Any) -> tuple[Player, Any]:
            return turns.discriminator(player, players.generator.variables, *item)

        discriminator, metrics = jax.lax.scan(one, players.discriminator, (parts, keys))
        last_part, last_metrics = jax.tree.map(lambda leaf: leaf[-1], (parts, metrics))
        generator, generator_metrics = turns.generator(
            players.generator, discriminator.variables, last_part, key_generator
        )
        return (
            Players(generator, discriminator),
            Players(generator_metrics, last_metrics),
        )

    return play


def simultaneous() -> Schedule:
    """Both players step at once, each against the other as it was before."""

    def play(turns: Players, players: Players, batch: Batch, key: Key) -> Any:
        key_generator, key_discriminator = jax.random.split(key)
        discriminator, discriminator_metrics = turns.discriminator(
            players.discriminator, players.generator.variables, batch, key_discriminator
        )
        generator, generator_metrics = turns.generator(
            players.generator, players.discriminator.variables, batch, key_generator
        )
        return (
            Players(generator, discriminator),
            Players(generator_metrics, discriminator_metrics),
        )

    return play


def minimax(
    game: Game,
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    *,
    schedule: Schedule | None = None,
) -> Update:
    """Plays a game: each player descends its own loss with its own optimiser.

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

    >>> from genjax.gan import zero_sum
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
    play = alternating() if schedule is None else schedule
    optimizers = Players(generator_optimizer, discriminator_optimizer)
    losses = Players(game.generator, game.discriminator)
    names = Players._fields

    def turn(loss: Any, optimizer: optax.GradientTransformation) -> Turn:
        def step(player: Player, other: Variables, batch: Batch, key: Key) -> Any:
            variables, opt_state, metrics = descend(
                lambda mine: loss(mine, other, batch, key), optimizer, *player
            )
            return Player(variables, opt_state), metrics

        return step

    turns = Players(*map(turn, losses, optimizers))

    def init(key: Key, batch: Batch) -> TrainState:
        key_init, key_run = jax.random.split(key)
        variables = dict(zip(names, game.init(key_init, batch), strict=True))
        opt_state = {
            name: optimizer.init(variables[name]["params"])
            for name, optimizer in zip(names, optimizers, strict=True)
        }
        return TrainState(jnp.zeros((), jnp.int32), key_run, variables, opt_state)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
        key = key_of_step(state.key, state.step)
        players = Players(
            *(Player(state.variables[name], state.opt_state[name]) for name in names)
        )
        players, metrics = play(turns, players, batch, key)
        variables = {n: p.variables for n, p in zip(names, players, strict=True)}
        opt_state = {n: p.opt_state for n, p in zip(names, players, strict=True)}
        named = {
            f"{player}_{name}": value
            for player, of_player in zip(names, metrics, strict=True)
            for name, value in of_player.items()
        }
        return (
            TrainState(state.step + 1, state.key, variables, opt_state),
            {"loss": metrics.generator["loss"], **named},
        )

    return Update(init, step)
