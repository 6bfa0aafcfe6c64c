"""What the self-supervised experiments share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.recipe import descent
from experiments.runner import Task
from genjax.base import Objective
from genjax.data import digits, on_device, split
from genjax.metrics import knn_accuracy, linear_probe
from genjax.plotting import class_scatter
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Key, Variables


def encoder_task(
    config: Any, objective: Objective, features: Callable[[Variables, Array], Array]
) -> Task:
    """Trains an encoder without labels, and measures what its features know of them.

    Args:
        config: has `learning_rate`, `batch_size`, `steps` and `seed`.
        objective: over batches `{"x": [b, 8, 8, 1]}`.
        features: `(variables, images) -> [n, d]`, frozen.
    """
    parts = split(digits(), validation=180, test=360)
    prepared = with_preprocessing(objective, lambda key, batch: _prepare(batch))
    update = descent(config, prepared)
    train, test = (_scaled(parts[i].arrays["image"]) for i in (0, 2))
    validation = jnp.asarray(parts.validation.arrays["image"])
    labels = [part.arrays["label"] for part in parts]
    pipeline = on_device(parts.train, batch_size=config.batch_size, seed=config.seed)

    def validate(variables: Variables) -> Array:
        # Contrastive losses depend on how many there are: batches of one size.
        size = min(config.batch_size, len(validation))
        key = jax.random.key(1_000_003)
        return prepared.loss(variables, {"image": validation[:size]}, key)[0]

    def evaluate(variables: Variables) -> dict[str, Any]:
        start = update.init(jax.random.key(config.seed), pipeline.example)
        found: dict[str, Any] = {}
        for name, encode in (
            ("", lambda x: features(variables, x)),
            ("_random_encoder", lambda x: features(start.variables, x)),
            ("_pixels", lambda x: x.reshape(len(x), -1)),
        ):
            measured = probes(encode(train), labels[0], encode(test), labels[2])
            found |= {f"{probe}{name}": value for probe, value in measured.items()}
        return found

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        del key
        points = principal_components(np.asarray(features(variables, test)))
        title = "features of test digits, first two principal components"
        return {"features": class_scatter(points, labels[2], title=title)}

    return Task(
        update=update,
        pipeline=pipeline,
        validate=validate,
        unit="loss",
        loss_unit="loss",
        evaluate=evaluate,
        figures=figures,
    )


def probes(train: Any, labels: Any, test: Any, test_labels: Any) -> dict[str, float]:
    """What frozen features know of the classes: a linear probe, and k neighbours."""
    arguments = (train, labels, test, test_labels)
    return {"linear_probe": linear_probe(*arguments), "knn": knn_accuracy(*arguments)}


def principal_components(features: np.ndarray) -> np.ndarray:
    """The first two of features `[n, d]`: `[n, 2]`."""
    centred = features - features.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    return centred @ axes.T


def _prepare(batch: Batch) -> Batch:
    return {"x": _scaled(batch["image"])}


def _scaled(image: Any) -> Array:
    return jnp.asarray(image, jnp.float32)[..., None] / 16
