"""A spline flow on digits: bits/dim, inpainting.

The 1797 digits of scikit-learn, 8 x 8 with 17 grey levels, dequantised uniformly and
mapped by a logit; cut at random (seed 0) into 1257 for training, 180 for validation and
360 for testing. The likelihood is that of the grey levels: both maps are accounted for.
The flow is a single layer in the order of the rows, so that the lower halves of test
digits are drawn from their exact conditional given the upper ones. Upside-down digits
are told from upright ones by their likelihood.

Paper: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032
Command: python -m experiments flows/digits --check
Hardware: 2 CPU cores
Time: 30 seconds
Expected: <= 2.20 bits/dim, and .5 below a normal with full covariance
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import multivariate_normal

from experiments.config import TaskConfig
from experiments.flows._grey_levels import GreyLevels
from experiments.images import completer
from experiments.recipe import descent
from experiments.runner import Task, run
from genjax import nn
from genjax.data import dequantize, digits, flatten, on_device, split
from genjax.flows import autoregressive_flow, rational_quadratic_spline
from genjax.metrics import area_under_roc, bits_per_dim, typicality
from genjax.plotting import image_grid
from genjax.typing import Array, Key, Variables

LEVELS, DIMS = 17, 64
PIXELS = GreyLevels(LEVELS, (8, 8), (DIMS,))


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    bins: int = 8
    """Of the splines."""
    width: int = 256
    """Of the two hidden layers of the masked network."""
    steps: int = 1500
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-1
    """Decoupled weight decay."""
    ema: float = 0.99
    evaluate_every: int = 50


SMOKE = {"bins": 4, "width": 8, "steps": 40, "evaluate_every": 20}
EXPECTED = {
    "test_bits_per_dim": {"at_most": 2.20},
    "bits_below_normal": {"at_least": 0.5},
}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    spline = rational_quadratic_spline(bins=config.bins)
    network = nn.MaskedMLP(
        features=spline.size,
        hidden=(config.width, config.width),
        output_init=jax.nn.initializers.zeros,
    )
    model = autoregressive_flow(spline, network)
    splits = split(digits(), validation=180, test=360)
    validation = jnp.asarray(splits.validation.arrays["image"])

    def bits(variables: Variables, image: Array) -> Array:
        return PIXELS.bits(model, variables, image, draws=10, rows=len(image))

    def novelty(variables: Variables, image: Array) -> dict[str, Array]:
        """How well two scores tell upside-down digits from upright ones."""
        key_held_out, key_upright, key_turned = jax.random.split(jax.random.key(8), 3)

        def log_prob(key: Key, image: Array) -> Array:
            return PIXELS.log_prob(model, variables, key, image)

        held_out = log_prob(key_held_out, validation)
        upright, turned = (
            log_prob(key_upright, image),
            log_prob(key_turned, image[:, ::-1]),
        )
        typical = (typicality(x, held_out) for x in (upright, turned))
        return {
            "auc_upside_down": area_under_roc(-upright, -turned),
            "auc_upside_down_typicality": area_under_roc(*typical),
        }

    def evaluate(variables: Variables) -> dict[str, Any]:
        train, test = splits.train.arrays["image"], splits.test.arrays["image"]
        test = jnp.asarray(test)
        value = jax.jit(bits)(variables, test)
        normal = _normal_bits(train, np.asarray(test))
        return {
            "test_bits_per_dim": value,
            "normal_bits_per_dim": normal,
            "bits_below_normal": normal - value,
            **jax.jit(novelty)(variables, test),
        }

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return PIXELS.decode(model.sample(variables, key, n)[0])

    def inpaint(variables: Variables, key: Key) -> Array:
        """Rows of eight: test digits, their upper halves, three completions each."""
        image = jnp.asarray(splits.test.arrays["image"][:8], jnp.float32)
        key_noise, *keys = jax.random.split(key, 4)
        x, _ = PIXELS.encode(key_noise, image)
        upper = np.arange(DIMS) < DIMS // 2
        complete = completer(model, upper)
        draws = [complete(variables, k, x) for k in keys]
        halved = jnp.where(upper.reshape(1, 8, 8), image, 0.0)
        return jnp.concatenate([image, halved, *map(PIXELS.decode, draws)])

    def figures(variables: Variables, key: Key) -> dict[str, Any]:
        labels = ("test digits", "observed", *["completed"] * 3)
        images = jax.jit(inpaint)(variables, key)
        return {"inpainted": image_grid(images, row_labels=labels)}

    return Task(
        update=descent(
            config, PIXELS.objective(model), weight_decay=config.weight_decay
        ),
        pipeline=on_device(
            splits.train, batch_size=config.batch_size, seed=config.seed
        ),
        validate=lambda variables: bits(variables, validation),
        unit="bits per dimension",
        loss_unit="nats",
        evaluate=evaluate,
        sample=sample,
        draw=lambda images: image_grid(images, title="samples"),
        figures=figures,
        baselines=dict,
    )


def _normal_bits(train: np.ndarray, test: np.ndarray) -> float:
    """Bits per dimension of a normal with full covariance, on dequantised levels."""
    key_train, key_test = jax.random.split(jax.random.key(0))
    x = np.asarray(dequantize(key_train, flatten(train), levels=LEVELS))
    y = np.asarray(dequantize(key_test, flatten(test), levels=LEVELS))
    normal = multivariate_normal(x.mean(axis=0), np.cov(x.T) + 1e-4 * np.eye(DIMS))
    return float(bits_per_dim(normal.logpdf(y).mean(), dims=DIMS, levels=LEVELS))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/digits", config, build, EXPECTED)
