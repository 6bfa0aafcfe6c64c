"""SimCLR of your own pictures: features, neighbours.

Pictures of any sizes become squares of `--size`; an encoder learns, without labels, to
find one of two views of a picture (mirrored, moved, recoloured) by the other. It is
measured by how often it finds the other view of a test picture among all of them, and,
where subfolders are classes, by a linear probe and the nearest neighbours. The run
gives features of any pictures (`encode RUN --data FOLDER --out FILE`). Without a
folder: scikit-learn's digits.

Paper: Chen, Kornblith, Norouzi and Hinton, 2020, arXiv:2002.05709
Command: python -m experiments self_supervised/custom --data FOLDER
Hardware: 2 CPU cores
Time: 8 minutes for 4,000 pictures at 32 x 32, beside other work
Expected: depends on the data
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.folders import (
    FolderConfig,
    Part,
    blocks,
    read_pictures,
    scaled,
    shown,
)
from experiments.image_runs import ImageModel
from experiments.recipe import descent
from experiments.runner import Task, run
from experiments.self_supervised._encoders import principal_components, probes
from genjax import nn
from genjax.augment import Transform, colour, in_turn, mirror, random_affine
from genjax.base import Network, Objective
from genjax.data import mapped
from genjax.metrics import nearest
from genjax.plotting import class_scatter
from genjax.self_supervised import normalize, simclr
from genjax.typing import Array, Key, Variables
from genjax.variables import part_of

BLOCK = 200
"""Images at a time."""


@dataclass(frozen=True, kw_only=True)
class Config(FolderConfig):
    """The settings of this experiment."""

    features: int = 64
    """Of the vector that is kept."""
    widths: tuple[int, ...] = (16, 32, 64)
    """Channels of the convolutions; every stage but the first halves the image."""
    hidden: int = 256
    """Of the dense layer before the vector."""
    embedding: int = 64
    """Dimensions in which views are compared."""
    tau: float = 0.2
    """The temperature."""
    mirror: bool = True
    """Views may be mirrored."""
    steps: int = 1500
    batch_size: int = 128
    """Images per step, each beside the others."""
    learning_rate: float = 2e-3
    evaluate_every: int = 250


SMOKE = {
    "size": 8,
    "widths": (4, 8),
    "hidden": 16,
    "embedding": 8,
    "steps": 4,
    "batch_size": 16,
    "evaluate_every": 2,
}
EXPECTED: dict[str, dict[str, float]] = {}


def encoder(config: Config) -> Network:
    """Returns the network whose vector is kept."""
    net = nn.LocalGlobalNet(config.features, config.widths, config.hidden)
    network = nn.as_network(net, user="self_supervised/custom")

    def vector(variables: Variables, /, *inputs: Array) -> Array:
        return network.apply(variables, *inputs)[1]

    return Network(network.init, vector)


def view(config: Config) -> Transform:
    """How a view of a picture is drawn."""
    move = random_affine(shift=config.size / 8, rotation=0.25, scale=0.25)
    return in_turn(*[mirror()] * config.mirror, move, colour())


def objective_of(config: Config) -> Objective:
    """Returns the contrast of two views."""
    projector = nn.MLP(features=config.embedding, hidden=(config.hidden,))
    how = {"augment": view(config), "tau": config.tau}
    return simclr(encoder(config), projector, **how)


def model(config: Config) -> ImageModel:
    """Returns the model of a configuration."""
    update = descent(config, objective_of(config))
    return ImageModel(update, scaled, encode=vectors(config))


def vectors(config: Config) -> Callable[[Variables, Array], Array]:
    """Returns `(variables, bytes [n, h, w, c]) -> features [n, d]`, compiled."""
    network = encoder(config)

    def encode(variables: Variables, image: Array) -> Array:
        own = part_of(variables, "encoder")
        return network.apply(own, scaled({"image": image})["x"])

    return jax.jit(encode)


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    objective, made, encode = objective_of(config), model(config), vectors(config)
    pictures = read_pictures(config)
    train, validation, test = pictures.parts
    # Contrastive losses depend on how many there are: a batch.
    first = {"image": jnp.asarray(validation.image[: config.batch_size])}

    def validate(variables: Variables) -> Array:
        return objective.loss(variables, scaled(first), jax.random.key(1_000_003))[0]

    def features(variables: Variables, part: Part) -> np.ndarray:
        images = blocks(part.image, BLOCK)
        return np.concatenate([encode(variables, image) for image in images])

    def evaluate(variables: Variables) -> dict[str, Any]:
        start = made.update.init(jax.random.key(config.seed), pipeline.example)
        found: dict[str, Any] = dict(pictures.counts)
        for name, own in (("", variables), ("_random_encoder", start.variables)):
            found[f"views_found{name}"] = _views_found(config, own, test)
            if pictures.has_classes:
                rows = (features(own, train), train.label)
                rows += (features(own, test), test.label)
                found |= {f"{k}{name}": v for k, v in probes(*rows).items()}
        return found

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        del key
        of_train, of_test = (features(variables, part) for part in (train, test))
        drawn = {"neighbours": _neighbours(of_test, test, of_train, train)}
        if pictures.has_colours:
            drawn["features"] = class_scatter(
                principal_components(of_test),
                test.label,
                title="features of test pictures",
                names=pictures.classes,
                labels=("first principal component", "second principal component"),
            )
        return drawn

    pipeline = mapped(pictures.pipeline, scaled)
    return Task(
        update=made.update,
        pipeline=pipeline,
        validate=validate,
        unit="loss",
        loss_unit="loss",
        evaluate=evaluate,
        figures=figures,
        files=pictures.files,
    )


def _views_found(config: Config, variables: Variables, test: Part) -> float:
    """How often the nearest of all second views is that of the same picture."""
    network, draw = encoder(config), view(config)

    @jax.jit
    def views(key: Key, x: Array) -> Array:
        own = part_of(variables, "encoder")
        return normalize(network.apply(own, draw(key, x)))

    image = scaled({"image": jnp.asarray(test.image)})["x"]
    first, second = (views(jax.random.key(seed), image) for seed in (1, 2))
    place, _ = nearest(first, second)
    return float(np.mean(np.asarray(place) == np.arange(len(place))))


def _neighbours(
    queries: np.ndarray, test: Part, features: np.ndarray, train: Part, columns: int = 8
) -> Any:
    """Test pictures, each above the five training pictures nearest to it by cosine."""
    chosen = slice(0, min(columns, len(queries)))
    unit = [np.asarray(normalize(jnp.asarray(x))) for x in (queries[chosen], features)]
    nearest_first = np.argsort(-unit[0] @ unit[1].T, axis=1)[:, :5]
    rows = [test.image[chosen], *(train.image[p] for p in nearest_first.T)]
    labels = ("test picture", *[f"neighbour {i + 1}" for i in range(len(rows) - 1)])
    images = np.concatenate(rows) / 255
    return shown(images, columns=len(rows[0]), row_labels=labels)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("self_supervised/custom", config, build, EXPECTED)
