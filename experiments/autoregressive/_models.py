"""Every model of the family over vectors of bits, and how one is trained."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.recipe import adam
from experiments.selection import train_to_best
from experiments.tables import Rows
from genjax import nn
from genjax.autoregressive import (
    darn,
    deep_nade,
    fvsbn,
    lstm,
    made,
    member_likelihood,
    nade,
    on_images,
    orderless_likelihood,
    pixel_cnn,
    random_orders,
    recurrent,
    shared_ensemble,
    transformer,
    wavenet,
)
from genjax.base import Density, Objective, Update
from genjax.data import ArraySource, on_device
from genjax.densities import negative_log_likelihood
from genjax.metrics import log_probs
from genjax.training import (
    gradient_descent,
    sweep,
    with_ema,
    with_preprocessing,
)
from genjax.typing import Array, Batch, Key, Variables


class Settings(NamedTuple):
    """How a model is trained.

    Fields:
        steps: of training.
        hidden: units of NADE; MADE twice as many per layer, recurrent networks fewer.
        learning_rate: of Adam, decayed to 0 by a cosine.
        weight_decay: decoupled.
        activation: of NADE.
        chunk: the most steps per compiled chunk; 1 for convolutions, which are slow
            inside a loop on CPU.
        layers: hidden ones of MADE; orderless networks have one more, PixelCNN four
            times as many.
        members: masks of a MADE, and orders of an orderless network.
    """

    steps: int
    hidden: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    activation: Callable[[Array], Array] = jax.nn.relu
    chunk: int = 100
    layers: int = 1
    members: int = 8


class Recipe(NamedTuple):
    """A model and what it is trained by.

    Fields:
        model: what is evaluated; a mixture where one set of parameters fits several.
        objective: its likelihood, or that of its members.
        single: with the same parameters, what samples and completes: a member.
    """

    model: Density
    objective: Objective
    single: Density


class Members(NamedTuple):
    """Trained models side by side: seeds, or seeds and orders.

    Fields:
        recipe: of each member, in an order of its own.
        variables: stacked.
        orders: `[members, D]`.
    """

    recipe: Recipe
    variables: Variables
    orders: np.ndarray

    def log_probs(self, x: Array) -> Array:
        """Returns the log-probabilities of each member, `[members, n]`."""

        def of_member(scanned: tuple[Variables, Array]) -> Array:
            variables, order = scanned
            return log_probs(self.recipe.model, variables, jnp.take(x, order, axis=1))

        stacked = (self.variables, jnp.asarray(self.orders))
        return jax.jit(partial(jax.lax.map, of_member))(stacked)


def recipes(settings: Settings, dim: int) -> Mapping[str, Callable[[], Recipe]]:
    """Every model of vectors of `dim` bits, by its name.

    Args:
        settings: the widths.
        dim: of the vectors.
    """
    hidden, activation = settings.hidden, settings.activation
    widths = (2 * hidden,) * settings.layers
    reach = max(1, (dim - 1).bit_length())
    models: dict[str, Callable[[], Density]] = {
        "fvsbn": fvsbn,
        "nade": lambda: nade(hidden=hidden, activation=activation),
        "made": lambda: made(hidden=widths, seed=0, direct=True),
        "gru": lambda: recurrent(hidden=hidden),
        "lstm": lambda: recurrent(hidden=hidden, cell=lstm()),
        "transformer": lambda: transformer(width=hidden, heads=4, layers=2),
        "wavenet": lambda: wavenet(channels=hidden, layers=reach),
        "darn": lambda: darn(fvsbn(), nade(hidden=hidden), latent_dim=3),
    }

    def of(make: Callable[[], Density]) -> Recipe:
        model = make()
        return Recipe(model, negative_log_likelihood(model), model)

    def masks() -> Recipe:
        seeds = range(settings.members)
        degrees = nn.sampled_degrees(seeds, dim=dim, hidden=widths)

        def make(degrees: Any) -> Density:
            return made(hidden=widths, degrees=degrees, direct=True)

        objective = member_likelihood(make, degrees)
        first = made(hidden=widths, seed=seeds[0], direct=True)
        return Recipe(shared_ensemble(make, degrees), objective, first)

    def eonade() -> Recipe:
        network = nn.MLP(features=dim, hidden=(hidden,) * (1 + settings.layers))
        return _orderless(network, dim, settings.members)

    likelihoods = {name: partial(of, make) for name, make in models.items()}
    return {**likelihoods, "masks": masks, "eonade": eonade}


def image_recipes(settings: Settings, side: int) -> Mapping[str, Callable[[], Recipe]]:
    """The convolutional models of square images of bits, by their names.

    Args:
        settings: the widths.
        side: of the images.
    """
    shape, channels = (side, side, 1), settings.hidden

    def pixels() -> Recipe:
        model = pixel_cnn(shape=shape, channels=channels, layers=4 * settings.layers)
        return Recipe(model, negative_log_likelihood(model), model)

    def conv_nade() -> Recipe:
        network = nn.ConvStack(features=1, widths=(channels,) * 4, inner=3)
        return _orderless(on_images(network, shape=shape), side**2, settings.members)

    return {"pixel_cnn": pixels, "conv_nade": conv_nade}


def _orderless(network: Any, dim: int, members: int) -> Recipe:
    orders = random_orders(jax.random.key(0), dim=dim, n=members)
    model = shared_ensemble(partial(deep_nade, network), orders)
    natural = deep_nade(network, np.arange(dim))
    return Recipe(model, orderless_likelihood(network), natural)


def train(
    recipe: Recipe,
    rows: Rows,
    settings: Settings,
    orders: np.ndarray,
    *,
    batch_size: int,
    ema: float,
    seed: int,
    title: str,
) -> Members:
    """Trains one member per order, all as one program, each to its best validation.

    Args:
        recipe: what to train.
        rows: of the data.
        settings: how.
        orders: `[members, D]`; members of the same order differ in their seeds.
        batch_size: rows per step.
        ema: decay of the averaged parameters, which are kept.
        seed: of the whole.
        title: of the progress bar; empty for none.
    """
    optimizer = adam(
        settings.learning_rate, settings.steps, weight_decay=settings.weight_decay
    )

    def member(setting: Mapping[str, Array]) -> Update:
        def turn(key: Key, batch: Batch) -> Batch:
            del key
            return {"x": jnp.take(batch["x"], setting["order"], axis=1)}

        objective = with_preprocessing(recipe.objective, turn)
        update = with_ema(gradient_descent(objective, optimizer), decay=ema)

        def init(key: Key, batch: Batch) -> Any:
            return update.init(jax.random.fold_in(key, setting["seed"]), batch)

        return update._replace(init=init)

    settings_of = {"order": jnp.asarray(orders), "seed": jnp.arange(len(orders))}

    def validate(variables: Variables) -> Array:
        def of_member(variables: Variables, order: Array) -> Array:
            x = jnp.take(rows.validation, order, axis=1)
            return -log_probs(recipe.model, variables, x, block=250).mean()

        return jax.vmap(of_member)(variables, settings_of["order"])

    best = train_to_best(
        sweep(member, settings_of),
        on_device(
            ArraySource({"x": np.asarray(rows.train)}),
            batch_size=min(batch_size, len(rows.train)),
            seed=seed,
        ),
        validate,
        key=jax.random.key(seed),
        steps=settings.steps,
        every=max(1, settings.steps // 40),
        chunk=settings.chunk,
        title=title,
    )
    return Members(recipe, best, orders)
