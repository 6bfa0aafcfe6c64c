"""What the latent-variable models on binary digits share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.images import binary_digits
from experiments.recipe import descent
from experiments.runner import Task
from genjax.base import Objective
from genjax.data import flatten, on_device
from genjax.plotting import class_scatter, image_grid
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Key, Variables
from genjax.vae import LatentModel, log_likelihood, log_weights, reconstruct, sample
from genjax.variables import part_of

SIDE = 8


def latent_task(
    config: Any,
    model: LatentModel,
    objective: Objective,
    *,
    baselines: Callable[[], dict[str, Any]],
) -> Task:
    """A latent-variable model of the binary digits.

    Args:
        config: has `learning_rate`, `weight_decay`, `ema`, `batch_size`, `steps`,
            `seed` and `importance_samples`.
        model: posterior, likelihood and prior.
        objective: the bound that trains it.
        baselines: further figures, beside those of the model.
    """
    splits = binary_digits()
    validation, test = (flatten(s.arrays["image"]) for s in splits[1:])

    def negative_bound(variables: Variables, x: Array) -> Array:
        key = jax.random.key(1_000_003)
        return -jnp.mean(log_weights(model, variables, key, x, samples=16))

    def evaluate(variables: Variables) -> dict[str, Any]:
        estimate = jax.jit(
            lambda variables, key: log_likelihood(
                model, variables, key, test, samples=config.importance_samples
            )
        )
        log_prob = estimate(variables, jax.random.key(1_000_004))
        return {
            "test_bound": jax.jit(negative_bound)(variables, test),
            "test_nll": -log_prob.mean(),
            "test_nll_standard_error": log_prob.std() / len(test) ** 0.5,
            **baselines(),
        }

    def draw(variables: Variables, key: Key, n: int) -> Array:
        images = sample(model, variables, key, n)
        return images.reshape(n, SIDE, SIDE)

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        key_images, *keys = jax.random.split(key, 65)
        chosen = jax.random.choice(key_images, len(test), (12,), replace=False)
        draws = jax.lax.map(
            lambda k: reconstruct(model, variables, k, test[chosen]), jnp.stack(keys)
        )
        rows = [test[chosen], draws.mean(axis=0), *draws[:4]]
        labels = ("test image", "mean of 64 draws", *["a draw"] * 4)
        grid = jnp.concatenate(rows).reshape(-1, SIDE, SIDE)
        plane = _plane(model, variables, test)
        return {
            "reconstructions": image_grid(grid, columns=12, row_labels=labels),
            "latent_points": class_scatter(
                plane.points,
                splits.test.arrays["label"],
                title="test images in the plane of the first two latent components",
            ),
            "latent_map": _map(model, variables, plane),
        }

    return Task(
        update=descent(
            config,
            with_preprocessing(objective, _to_vectors),
            weight_decay=config.weight_decay,
        ),
        pipeline=on_device(
            splits.train, batch_size=config.batch_size, seed=config.seed
        ),
        validate=lambda variables: negative_bound(variables, validation),
        evaluate=evaluate,
        sample=draw,
        draw=lambda images: image_grid(images, title="samples"),
        figures=figures,
    )


class _Plane:
    """The plane through the posterior's draws along their two widest directions."""

    def __init__(self, z: np.ndarray) -> None:
        self.centre = z.mean(axis=0)
        _, _, axes = np.linalg.svd(z - self.centre, full_matrices=False)
        self.axes = axes[:2]
        self.points = (z - self.centre) @ self.axes.T


def _plane(model: LatentModel, variables: Variables, x: Array) -> _Plane:
    keys = jax.random.split(jax.random.key(0), 16)
    draw = jax.vmap(
        lambda k: model.posterior.sample(part_of(variables, "posterior"), k, len(x), x)
    )
    return _Plane(np.asarray(draw(keys)[0].mean(axis=0)))


def _map(
    model: LatentModel, variables: Variables, plane: _Plane, side: int = 14
) -> Any:
    """What the likelihood draws, on average, over a grid in the plane."""
    low, high = np.percentile(plane.points, [2, 98], axis=0)
    ticks = np.linspace(0, 1, side)
    x, y = np.meshgrid(
        low[0] + (high[0] - low[0]) * ticks, high[1] - (high[1] - low[1]) * ticks
    )
    z = plane.centre + np.stack([x.ravel(), y.ravel()], axis=1) @ plane.axes
    keys = jax.random.split(jax.random.key(0), 64)
    latents = jnp.asarray(z, jnp.float32)
    draw = jax.vmap(
        lambda k: model.likelihood.sample(
            part_of(variables, "likelihood"), k, len(z), latents
        )[0]
    )
    images = draw(keys).mean(axis=0).reshape(-1, SIDE, SIDE)
    title = "the latent plane, decoded: means of 64 draws"
    return image_grid(images, columns=side, title=title)


def _to_vectors(key: Key, batch: Batch) -> Batch:
    del key
    return {"x": flatten(batch["image"])}
