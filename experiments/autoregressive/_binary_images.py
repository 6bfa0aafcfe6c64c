"""What the experiments on binary images share: a model, baselines, pictures."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.autoregressive._models import Recipe
from experiments.images import completer
from experiments.recipe import descent
from experiments.runner import Task
from genjax.base import Density
from genjax.data import ArraySource, Splits, flatten, on_device
from genjax.densities import bernoulli, bernoulli_mixture, fit_bernoulli_mixture
from genjax.errors import InputError
from genjax.metrics import log_probs, mean_log_prob
from genjax.plotting import image_grid
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Key, Variables


def binary_task(
    config: Any,
    splits: Splits[ArraySource],
    side: int,
    recipe: Recipe,
    validate: Callable[[Variables, Array], Array] | None = None,
) -> Task:
    """A model of binary images `[n, side, side]`, in raster order.

    Args:
        config: has `learning_rate`, `weight_decay`, `ema`, `batch_size`, `steps`,
            `seed` and `components`.
        splits: sources with the field `image`, of zeros and ones.
        side: of the square images.
        recipe: the model and what trains it.
        validate: `(variables, x) -> score`; the mean NLL when None.
    """
    model = recipe.model
    objective = with_preprocessing(recipe.objective, _to_vectors)
    train, validation, test = (flatten(s.arrays["image"]) for s in splits)
    baselines = cache(lambda: _baselines(config, train, validation, test))

    def nll(variables: Variables, x: Array) -> Array:
        return -mean_log_prob(model, variables, x)

    score = nll if validate is None else validate

    def evaluate(variables: Variables) -> dict[str, Any]:
        log_prob = jax.jit(partial(log_probs, model))(variables, test)
        test_nll = -log_prob.mean()
        return {
            "test_nll": test_nll,
            "test_nll_standard_error": log_prob.std() / len(test) ** 0.5,
            **{f"{name}_nll": value for name, value in baselines().items()},
            "nats_below_mixture": baselines()["bernoulli_mixture"] - test_nll,
        }

    def sample(variables: Variables, key: Key, n: int) -> Array:
        drawn = jax.jit(recipe.single.sample, static_argnums=2)(variables, key, n)[0]
        return drawn.reshape(n, side, side)

    return Task(
        update=descent(config, objective, weight_decay=config.weight_decay),
        pipeline=on_device(
            splits.train, batch_size=config.batch_size, seed=config.seed
        ),
        validate=lambda variables: score(variables, validation),
        evaluate=evaluate,
        sample=sample,
        draw=lambda images: image_grid(images, title="samples"),
        figures=lambda variables, key: {
            "completions": _completions(recipe.single, variables, key, test, side)
        },
        baselines=baselines,
    )


def _to_vectors(key: Key, batch: Batch) -> Batch:
    del key
    return {"x": flatten(batch["image"])}


def _baselines(
    config: Any, train: Array, validation: Array, test: Array
) -> dict[str, float]:
    """Test NLL of the factorised Bernoulli and of the best mixture on validation."""
    if not config.components:
        raise InputError("--components: name at least one size of the mixture.")
    key = jax.random.key(config.seed)
    factorised = bernoulli()
    variables = factorised.init(key, train)
    candidates = []
    for components in config.components:
        mixture = bernoulli_mixture(components=components)
        fit = jax.jit(
            lambda key, x, k=components: fit_bernoulli_mixture(key, x, components=k)
        )
        fitted = fit(key, train)
        score = mean_log_prob(mixture, fitted, validation)
        candidates.append((float(score), mixture, fitted))
    _, mixture, fitted = max(candidates, key=lambda candidate: candidate[0])
    return {
        "factorised": -float(mean_log_prob(factorised, variables, test)),
        "bernoulli_mixture": -float(mean_log_prob(mixture, fitted, test)),
    }


def _completions(
    model: Density, variables: Variables, key: Key, test: Array, side: int
) -> Any:
    """The lower half of test images, drawn given the upper half."""
    # Some test sets are sorted: the images are drawn.
    key_images, key = jax.random.split(key)
    images, draws = jax.random.choice(key_images, test, (12,), replace=False), 4
    observed = np.arange(side * side) < side * (side // 2)
    rows = [images, jnp.where(observed[None], images, 0.4)]
    complete = completer(model, observed)
    for key_draw in jax.random.split(key, draws):
        rows.append(complete(variables, key_draw, images))
    grid = jnp.concatenate(rows).reshape(-1, side, side)
    labels = ("test image", "observed", *[f"completion {i + 1}" for i in range(draws)])
    return image_grid(
        grid, columns=12, row_labels=labels, title="lower halves given upper halves"
    )
