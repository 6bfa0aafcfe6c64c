"""Who steps when in a game of two players, and by which gradient."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax

from genjax.checks import check_not_negative
from genjax.errors import InputError
from genjax.steps import across_devices, microbatches
from genjax.typing import (
    Batch,
    Key,
    Metrics,
    OptState,
    Params,
    Scanned,
    Tree,
    Variables,
)

Aux: TypeAlias = tuple[Variables, Metrics]


class Player(NamedTuple):
    """One player's variables and the state of its optimiser."""

    variables: Variables
    opt_state: OptState


class Players(NamedTuple):
    """Something of both players, as an update of a game keeps it under their names.

    >>> from genjax.gan import Players
    >>> Players(**{"generator": {"params": [0.1]}, "discriminator": {}}).generator
    {'params': [0.1]}
    """

    generator: Tree
    discriminator: Tree


class Side(NamedTuple):
    """What one player can do.

    Fields:
        gradient: `(its variables, the other's variables, batch, key) -> (gradient,
            (changed collections, metrics))`.
        advance: `(player, gradient, (changed collections, metrics)) -> (player,
            metrics)`.
    """

    gradient: Callable[[Variables, Variables, Batch, Key], tuple[Params, Aux]]
    advance: Callable[[Player, Params, Aux], tuple[Player, Metrics]]

    def turn(
        self, player: Player, other: Variables, batch: Batch, key: Key
    ) -> tuple[Player, Metrics]:
        """A step of the player by itself."""
        found = self.gradient(player.variables, other, batch, key)
        return self.advance(player, *found)


Schedule = Callable[[Players, Players, Batch, Key], tuple[Players, Players]]
"""`(sides, players, batch, key) -> (players, metrics of both)`."""


def alternating(
    *, n_discriminator: int = 1, n_generator: int = 1, generator_first: bool = False
) -> Schedule:
    """The players step in turn, each its own number of times.

    The batch is cut into as many equal parts as the one of more steps has, one per
    step, so that each sees fresh data; the other player takes the last ones.

    Batches are `[b, ...]`, metrics scalars.

    Args:
        n_discriminator: steps of the discriminator a round.
        n_generator: steps of the generator a round.
        generator_first: whether the generator begins.

    Raises:
        InputError: a number is not positive, or the larger one does not divide the
            batch.

    Source: Goodfellow et al., 2014, arXiv:1406.2661.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import alternating, minimax, zero_sum
    >>> game = zero_sum(lambda x, y, batch, key: x * y, lambda key, batch: (1.0, 1.0))
    >>> sgd = optax.sgd(0.5)
    >>> update = minimax(game, sgd, sgd, schedule=alternating())
    >>> batch = jnp.zeros(1)  # the game needs none
    >>> state, _ = update.step(update.init(jax.random.key(0), batch), batch)
    >>> [float(player["params"]) for player in state.variables.values()]
    [0.25, 1.5]
    """
    if min(n_discriminator, n_generator) < 1:
        raise InputError(
            "alternating: n_discriminator and n_generator must be at least 1, got "
            f"{n_discriminator} and {n_generator}."
        )
    counts = Players(n_generator, n_discriminator)
    order = ("generator", "discriminator")
    order = order if generator_first else order[::-1]

    def play(
        sides: Players, players: Players, batch: Batch, key: Key
    ) -> tuple[Players, Players]:
        keys = Players(*jax.random.split(key))
        parts = microbatches(batch, max(counts), user="alternating")
        metrics = {}
        for name in order:
            (other,) = set(order) - {name}
            rival, side = getattr(players, other).variables, getattr(sides, name)
            n = getattr(counts, name)

            def one(
                player: Player, item: Scanned, rival=rival, side=side
            ) -> tuple[Player, Metrics]:
                return side.turn(player, rival, *item)

            last = jax.tree.map(lambda leaf, n=n: leaf[-n:], parts)
            items = (last, jax.random.split(getattr(keys, name), n))
            player, metrics[name] = _repeat(one, getattr(players, name), items, n)
            players = players._replace(**{name: player})
        return players, Players(**metrics)

    return play


def simultaneous() -> Schedule:
    """Both players step at once, each against the other as it was before.

    With `optax.optimistic_gradient_descent` for both players it is the optimistic
    method (past extragradient) of Daskalakis et al., 2018, arXiv:1711.00141.

    Batches are `[b, ...]`, metrics scalars.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import minimax, simultaneous, zero_sum
    >>> game = zero_sum(lambda x, y, batch, key: x * y, lambda key, batch: (1.0, 1.0))
    >>> sgd = optax.sgd(0.5)
    >>> update = minimax(game, sgd, sgd, schedule=simultaneous())
    >>> batch = jnp.zeros(1)  # the game needs none
    >>> state, _ = update.step(update.init(jax.random.key(0), batch), batch)
    >>> [float(player["params"]) for player in state.variables.values()]
    [0.5, 1.5]
    """

    def play(
        sides: Players, players: Players, batch: Batch, key: Key
    ) -> tuple[Players, Players]:
        found = _fields(sides, players, batch, key)
        return _advance(sides, players, found)

    return play


def extragradient() -> Schedule:
    """Both players look a step ahead, and go back to step by what they saw there.

        z' = z - e v(z),   z <- z - e v(z')

    Both steps see the same batch and the same noise. The step ahead is the optimiser's
    own; its state, statistics and memory are changed by the second one only.

    Batches are `[b, ...]`, metrics scalars.

    Source: Korpelevich, 1976; Gidel et al., 2019, arXiv:1802.10551.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import extragradient, minimax, zero_sum
    >>> game = zero_sum(lambda x, y, batch, key: x * y, lambda key, batch: (1.0, 1.0))
    >>> sgd = optax.sgd(0.5)
    >>> update = minimax(game, sgd, sgd, schedule=extragradient())
    >>> batch = jnp.zeros(1)  # the game needs none
    >>> state, _ = update.step(update.init(jax.random.key(0), batch), batch)
    >>> [float(player["params"]) for player in state.variables.values()]
    [0.25, 1.25]
    """

    def play(
        sides: Players, players: Players, batch: Batch, key: Key
    ) -> tuple[Players, Players]:
        found = _fields(sides, players, batch, key)
        moved, _ = _advance(sides, players, found)
        # Statistics and memory are those before the look ahead.
        ahead = [
            player._replace(
                variables={**player.variables, "params": there.variables["params"]}
            )
            for player, there in zip(players, moved, strict=True)
        ]
        seen = _fields(sides, Players(*ahead), batch, key)
        return _advance(sides, players, seen)

    return play


def consensus(*, weight: float) -> Schedule:
    """Both players also lower the squared length of the game's own gradient.

        v + weight J^T v,   v = (dL_G / dx, dL_D / dy),   J = dv / d(x, y)

    Batches are `[b, ...]`, metrics scalars.

    Args:
        weight: of the added term.

    Raises:
        InputError: `weight` is negative.

    Source: Mescheder, Nowozin and Geiger, 2017, arXiv:1705.10461.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import consensus, minimax, zero_sum
    >>> game = zero_sum(lambda x, y, batch, key: x * y, lambda key, batch: (1.0, 1.0))
    >>> sgd = optax.sgd(0.5)
    >>> update = minimax(game, sgd, sgd, schedule=consensus(weight=1.0))
    >>> batch = jnp.zeros(1)  # the game needs none
    >>> state, _ = update.step(update.init(jax.random.key(0), batch), batch)
    >>> [float(player["params"]) for player in state.variables.values()]
    [0.0, 1.0]
    """
    return _adjusted("consensus", weight, lambda v, along, across: across)


def symplectic(*, weight: float) -> Schedule:
    """Both players also follow the part of the game that rotates: SGA.

        v + weight A^T v,   A = (J - J^T) / 2

    The weight keeps its sign: the paper's alignment of it is left out.

    Batches are `[b, ...]`, metrics scalars.

    Args:
        weight: of the added term.

    Raises:
        InputError: `weight` is negative.

    Source: Balduzzi et al., 2018, arXiv:1802.05642.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import minimax, symplectic, zero_sum
    >>> game = zero_sum(lambda x, y, batch, key: x * y, lambda key, batch: (1.0, 1.0))
    >>> sgd = optax.sgd(0.5)
    >>> update = minimax(game, sgd, sgd, schedule=symplectic(weight=1.0))
    >>> batch = jnp.zeros(1)  # the game needs none
    >>> state, _ = update.step(update.init(jax.random.key(0), batch), batch)
    >>> [float(player["params"]) for player in state.variables.values()]
    [0.0, 1.0]
    """

    def rotation(v: Tree, along: Tree, across: Tree) -> Tree:
        return jax.tree.map(lambda a, b: (b - a) / 2, along, across)

    return _adjusted("symplectic", weight, rotation)


def _adjusted(
    user: str, weight: float, term: Callable[[Tree, Tree, Tree], Tree]
) -> Schedule:
    """A simultaneous step by `v + weight term(v, J v, J^T v)`."""
    check_not_negative(user, "weight", weight)

    def play(
        sides: Players, players: Players, batch: Batch, key: Key
    ) -> tuple[Players, Players]:
        def field(params: Players) -> tuple[Players, Players]:
            placed = Players(
                *(
                    player._replace(variables={**player.variables, "params": own})
                    for player, own in zip(players, params, strict=True)
                )
            )
            found = _fields(sides, placed, batch, key)
            return Players(*(v for v, _ in found)), Players(*(aux for _, aux in found))

        params = Players(*(player.variables["params"] for player in players))
        v, pull, aux = jax.vjp(field, params, has_aux=True)
        # The product with J is the transpose of that with its transpose: reverse mode
        # alone, so that layers with gradients of their own can take part.
        across, transpose = jax.vjp(lambda u: pull(u)[0], v)
        # Gradients are means over the devices; what is pulled back is this device's.
        along, across = transpose(v)[0], across_devices(across)
        added = term(v, along, across)
        both = jax.tree.map(lambda a, b: a + weight * b, v, added)
        pairs = Players(*zip(both, aux, strict=True))
        return _advance(sides, players, pairs)

    return play


def _repeat(
    one: Callable[[Player, Scanned], tuple[Player, Metrics]],
    player: Player,
    items: Scanned,
    n: int,
) -> tuple[Player, Metrics]:
    """Takes n steps and returns the metrics of the last.

    A single one is no loop at all: XLA runs convolutions in loops slowly on CPU.
    """
    if n == 1:
        return one(player, jax.tree.map(lambda leaf: leaf[0], items))
    player, found = jax.lax.scan(one, player, items)
    return player, jax.tree.map(lambda leaf: leaf[-1], found)


def _fields(sides: Players, players: Players, batch: Batch, key: Key) -> Players:
    """The raw gradients of both players at once, and what comes along."""
    key_generator, key_discriminator = jax.random.split(key)
    generator, discriminator = (player.variables for player in players)
    return Players(
        sides.generator.gradient(generator, discriminator, batch, key_generator),
        sides.discriminator.gradient(
            discriminator, generator, batch, key_discriminator
        ),
    )


def _advance(
    sides: Players, players: Players, found: Players
) -> tuple[Players, Players]:
    stepped = [
        side.advance(player, *pair)
        for side, player, pair in zip(sides, players, found, strict=True)
    ]
    return Players(*(player for player, _ in stepped)), Players(
        *(m for _, m in stepped)
    )
