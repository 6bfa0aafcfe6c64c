"""A variational autoencoder of your own pictures.

Pictures of any sizes become squares of `--size`; subfolders are classes, which only
colour a figure. Pixels are dequantised uniformly, and normal given the latent, with a
scale of their own each. Samples and reconstructions are means of p(x | z). The run
draws new pictures (`sample RUN --out FOLDER`), and gives the mean of q(z | x) as
features (`encode RUN --data FOLDER --out FILE`). Without a folder: scikit-learn's
digits.

Paper: Kingma and Welling, 2014, arXiv:1312.6114
Command: python -m experiments vae/custom --data FOLDER
Hardware: 2 CPU cores
Time: 7 minutes for 4,000 pictures at 32 x 32, beside other work
Expected: depends on the data
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.folders import (
    LEVELS,
    FolderConfig,
    blocks,
    check_side,
    read_pictures,
    shown,
)
from experiments.image_runs import ImageModel
from experiments.recipe import descent
from experiments.runner import Task, run
from genjax import nn
from genjax.base import Network
from genjax.data import dequantize, scale_pixels
from genjax.densities import conditional_normal, standard_normal
from genjax.errors import InputError
from genjax.metrics import bits_per_dim
from genjax.plotting import class_scatter
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Key, Variables
from genjax.vae import (
    LatentModel,
    closed_form_kl,
    decode,
    elbo,
    encode,
    log_likelihood,
    log_weights,
)
from genjax.variables import part_of

BLOCK, DRAWS = 50, 10
"""Images, and importance samples of each, at a time."""


@dataclass(frozen=True, kw_only=True)
class Config(FolderConfig):
    """The settings of this experiment."""

    latent: int = 32
    """Dimensions of the latent."""
    width: int = 32
    """Channels of the largest layers."""
    steps: int = 4000
    batch_size: int = 64
    """Images per step."""
    learning_rate: float = 1e-3
    evaluate_every: int = 500
    importance_samples: int = 50
    """Of the estimate of the likelihood, a multiple of 10."""


SMOKE = {
    "size": 8,
    "latent": 2,
    "width": 4,
    "steps": 4,
    "batch_size": 16,
    "evaluate_every": 2,
}
EXPECTED: dict[str, dict[str, float]] = {}


def latent_model(config: Config) -> LatentModel:
    """Returns the autoencoder of a configuration."""
    check_side(config)
    size, channels, latent = config.size, config.shape[2], config.latent
    given = conditional_normal(Network(_no_parameters, _as_given))
    return LatentModel(
        posterior=given,
        likelihood=given,
        prior=standard_normal((latent,)),
        encoder=nn.DCGANDiscriminator(config.width, norm=False, features=2 * latent),
        decoder=nn.DCGANGenerator(size, 2 * channels, config.width, output=None),
    )


def _no_parameters(key: Key, /, *inputs: Array) -> Variables:
    del key, inputs
    return {"params": {}}


def _as_given(variables: Variables, /, *inputs: Array) -> Array:
    """Means and log-scales as the encoder, or the decoder, returns them."""
    del variables
    return inputs[0]


def model(config: Config) -> ImageModel:
    """Returns the model of a configuration."""
    parts = latent_model(config)
    objective = elbo(parts, latent_dim=config.latent, kl=closed_form_kl)

    def dequantized(key: Key, batch: Batch) -> Batch:
        return {"x": _dequantized(key, batch["image"])}

    def sample(variables: Variables, key: Key, n: int) -> Array:
        z, _ = parts.prior.sample(part_of(variables, "prior"), key, n)
        return decoded(parts, variables, z)

    return ImageModel(
        descent(config, with_preprocessing(objective, dequantized), clip=100.0),
        sample=sample,
        encode=lambda variables, image: encoded(parts, variables, image),
    )


def encoded(parts: LatentModel, variables: Variables, image: Array) -> Array:
    """The means of the posterior, given bytes: the middle of what trained it."""
    middle = (2 * image.astype(jnp.float32) + 1) / LEVELS - 1
    features, _ = encode(parts, variables, middle)
    return jnp.split(features, 2, axis=-1)[0]


def decoded(parts: LatentModel, variables: Variables, z: Array) -> Array:
    """The means of the likelihood, in [0, 1]."""
    given, _ = decode(parts, variables, z)
    return jnp.clip((jnp.split(given, 2, axis=-1)[0] + 1) / 2, 0.0, 1.0)


def _dequantized(key: Key, image: Array) -> Array:
    """Spreads bytes over [-1, 1)."""
    return 2 * dequantize(key, image, levels=LEVELS) - 1


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    if config.importance_samples % DRAWS:
        raise InputError(
            f"--importance-samples must be a multiple of {DRAWS}, got "
            f"{config.importance_samples}."
        )
    parts, made = latent_model(config), model(config)
    pictures = read_pictures(config)
    _, validation, test = pictures.parts
    first = jnp.asarray(validation.image[: 4 * BLOCK])
    key = jax.random.key(1_000_003)

    def bits(log_prob: Array) -> Array:
        # A unit of [-1, 1) is half as many grey levels.
        return bits_per_dim(log_prob, dims=math.prod(config.shape), levels=LEVELS // 2)

    def bound(variables: Variables, image: Array) -> Array:
        x = _dequantized(key, image)
        return log_weights(parts, variables, key, x, samples=4).mean(axis=0)

    def estimate(variables: Variables, image: Array) -> Array:
        x, samples = _dequantized(key, image), config.importance_samples
        return log_likelihood(parts, variables, key, x, samples=samples, block=DRAWS)

    def evaluate(variables: Variables) -> dict[str, Any]:
        parts_of_test = blocks(test.image, BLOCK)
        found = {
            name: jnp.concatenate([of(variables, block) for block in parts_of_test])
            for name, of in (("bound", jax.jit(bound)), ("", jax.jit(estimate)))
        }
        again = jax.jit(lambda v, x: decoded(parts, v, encoded(parts, v, x)))
        error = [again(variables, x) - scale_pixels(x) for x in parts_of_test]
        return {
            **pictures.counts,
            "test_bits_per_dim": bits(found[""].mean()),
            "test_bound_bits_per_dim": bits(found["bound"].mean()),
            "reconstruction_rmse": jnp.sqrt(jnp.mean(jnp.concatenate(error) ** 2)),
        }

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        del key
        image = jnp.asarray(test.image[:BLOCK])
        z = encoded(parts, variables, image)
        columns = min(12, len(image))
        rows = [scale_pixels(image[:columns]), decoded(parts, variables, z[:columns])]
        drawn = {
            "reconstructions": shown(
                jnp.concatenate(rows),
                columns=columns,
                row_labels=("test picture", "mean of p(x | z)"),
            ),
            "walks": shown(
                decoded(parts, variables, _walks(z)),
                columns=8,
                title="between test pictures, along lines in the latent space",
            ),
        }
        if pictures.has_colours:
            points = encoded(parts, variables, jnp.asarray(test.image))
            title = "test pictures in the two latent dimensions that vary most"
            widest = np.argsort(-np.var(points, axis=0))[:2]
            drawn["latent_points"] = class_scatter(
                np.asarray(points)[:, widest],
                test.label,
                title=title,
                names=pictures.classes,
                labels=tuple(f"latent dimension {d + 1}" for d in widest),
            )
        return drawn

    return Task(
        update=made.update,
        pipeline=pictures.pipeline,
        validate=lambda variables: bits(bound(variables, first).mean()),
        unit="bits per dimension",
        evaluate=evaluate,
        sample=made.sample,
        draw=lambda images: shown(images, title="samples: means of p(x | z)"),
        figures=figures,
        files=pictures.files,
    )


def _walks(z: Array) -> Array:
    """Rows of eight points between two latents, at most six rows."""
    rows = min(6, len(z) // 2)
    share = jnp.linspace(0.0, 1.0, 8)[None, :, None]
    start, end = z[:rows, None], z[rows : 2 * rows, None]
    return ((1 - share) * start + share * end).reshape(-1, z.shape[1])


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("vae/custom", config, build, EXPECTED)
