"""The space of features in which image GANs are measured."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from experiments.recipe import adam
from experiments.selection import train_to_end
from genjax import nn
from genjax.data import ArraySource, on_device
from genjax.densities import conditional_one_hot, negative_log_likelihood
from genjax.training import gradient_descent
from genjax.typing import Array

WIDTH = 64


Features: TypeAlias = Callable[[Array], Array]
"""From images `[n, ...]` to what they are compared by, `[n, d]`."""


class Classifier(NamedTuple):
    """A classifier that was trained here, as a judge of images.

    Fields:
        features: from images `[n, ...]` to `[n, 64]`, the layer before the logits.
        logits: from images to `[n, classes]`.
        accuracy: on test images.
    """

    features: Features
    logits: Callable[[Array], Array]
    accuracy: float


def pixel_features(train: Array, most: int) -> Features:
    """The leading principal components of images.

    Args:
        train: images `[n, ...]`.
        most: how many components, at most 64: fewer than images are compared, so that
            their covariance has an inverse.
    """
    rows = np.asarray(_flat(train))
    mean = rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows - mean, full_matrices=False)
    components = jnp.asarray(axes[: min(most, WIDTH)].T)
    return jax.jit(lambda x: (_flat(x) - mean) @ components)


def train_classifier(
    train: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    steps: int,
    title: str,
    seed: int = 0,
) -> Classifier:
    """Trains an MLP of 256 and 64 units to tell the classes.

    Args:
        train: images `[n, ...]` in [-1, 1] and labels `[n]`.
        test: likewise.
        steps: of Adam, in batches of 128, or of all where there are fewer.
        title: of the progress bar; empty for none.
        seed: of the weights and of the order.
    """
    classes = int(train[1].max()) + 1
    classifier = nn.MLP(features=classes, hidden=(256, WIDTH))
    # Its first two layers, by the names that Flax gives them.
    trunk = nn.as_network(nn.MLP(features=WIDTH, hidden=(256,)), user="features")
    objective = negative_log_likelihood(conditional_one_hot(classifier))
    update = gradient_descent(objective, adam(1e-3, steps, weight_decay=1e-4))
    source = ArraySource(
        {
            "x": np.eye(classes, dtype=np.float32)[np.asarray(train[1])],
            "condition": np.asarray(_flat(train[0])),
        }
    )
    variables = train_to_end(
        update,
        on_device(source, batch_size=min(128, len(source)), seed=seed),
        key=jax.random.key(seed),
        steps=steps,
        title=title,
    )
    network = nn.as_network(classifier, user="features")
    logits = jax.jit(lambda x: network.apply(variables, _flat(x)))
    predicted = jnp.argmax(logits(test[0]), axis=1)
    accuracy = float(jnp.mean((predicted == test[1]).astype(jnp.float32)))
    features = jax.jit(lambda x: jax.nn.relu(trunk.apply(variables, _flat(x))))
    return Classifier(features, logits, accuracy)


def _flat(x: Array) -> Array:
    return x.reshape(len(x), -1)
