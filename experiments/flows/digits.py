"""An autoregressive spline flow on handwritten digits, in bits a dimension.

The 1797 digits of scikit-learn, 8 x 8 with 17 grey levels, dequantised uniformly and
mapped by a logit; cut at random (seed 0) into 1257 for training, 180 for validation and
360 for testing. The likelihood is that of the grey levels: both maps are accounted for.

Paper: Durkan, Bekasov, Murray and Papamakarios, 2019, arXiv:1906.04032
Command: python -m experiments flows/digits --check
Hardware: 2 CPU cores
Time: 40 seconds
Expected: <= 2.20 bits/dim, and .5 below a normal with full covariance
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import multivariate_normal

from experiments.config import RunConfig
from experiments.runner import Task, run
from genjax import nn
from genjax.data import digits, on_device, split
from genjax.data.preprocessing import dequantize, flatten, logit
from genjax.densities import negative_log_likelihood, standard_normal
from genjax.flows import (
    chain,
    density,
    masked_autoregressive,
    rational_quadratic_spline,
    repeat,
    reverse,
)
from genjax.metrics import bits_per_dim
from genjax.plotting import image_grid
from genjax.training import gradient_descent, with_ema, with_preprocessing
from genjax.typing import Array, Batch, Key, Variables

LEVELS, DIMS, MARGIN = 17, 64, 0.05


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    layers: int = 3
    """Autoregressive layers, in alternating directions."""
    bins: int = 8
    """Of the splines."""
    width: int = 128
    """Of the two hidden layers of a layer's masked network."""
    steps: int = 1000
    """Training steps."""
    batch_size: int = 128
    """Examples a step."""
    learning_rate: float = 1e-3
    """Of Adam, decayed to 0 by a cosine."""
    weight_decay: float = 1e-1
    """Decoupled weight decay."""
    ema: float = 0.99
    """Decay of the averaged parameters that are evaluated."""
    evaluate_every: int = 50
    """Steps between validations."""


SMOKE = {"layers": 2, "bins": 4, "width": 8, "steps": 40, "evaluate_every": 20}
EXPECTED = {
    "test_bits_per_dim": {"at_most": 2.20},
    "bits_below_normal": {"at_least": 0.5},
}


def _prepare(key: Key, image: Array) -> tuple[Array, Array]:
    return logit(dequantize(key, flatten(image), levels=LEVELS), margin=MARGIN)


def _to_logits(key: Key, batch: Batch) -> Batch:
    return {"x": _prepare(key, batch["image"])[0]}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    spline = rational_quadratic_spline(bins=config.bins)
    network = nn.MaskedMLP(
        features=spline.size,
        hidden=(config.width, config.width),
        output_init=jax.nn.initializers.zeros,
    )
    layer = chain(masked_autoregressive(spline, network), reverse())
    model = density(repeat(layer, config.layers), standard_normal((DIMS,)))
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    optimizer = optax.adamw(schedule, weight_decay=config.weight_decay)
    objective = with_preprocessing(negative_log_likelihood(model), _to_logits)
    splits = split(digits(), validation=180, test=360)
    validation = jnp.asarray(splits.validation.arrays["image"])

    def bits(variables: Variables, image: Array) -> Array:
        """The mean over ten draws of the dequantisation noise."""

        def of_draw(key: Key) -> Array:
            x, log_det = _prepare(key, image)
            log_prob = model.log_prob(variables["params"], x) + log_det
            return jnp.mean(bits_per_dim(log_prob, dims=DIMS, levels=LEVELS))

        return jnp.mean(jax.lax.map(of_draw, jax.random.split(jax.random.key(7), 10)))

    def evaluate(variables: Variables) -> dict[str, Any]:
        train, test = splits.train.arrays["image"], splits.test.arrays["image"]
        value = jax.jit(bits)(variables, jnp.asarray(test))
        normal = _normal_bits(train, test)
        return {
            "test_bits_per_dim": value,
            "normal_bits_per_dim": normal,
            "bits_below_normal": normal - value,
        }

    def sample(variables: Variables, key: Key, n: int) -> Array:
        x, _ = model.sample(variables["params"], key, n)
        unit = (jax.nn.sigmoid(x) - MARGIN) / (1 - 2 * MARGIN)
        return jnp.clip(jnp.floor(unit * LEVELS), 0, LEVELS - 1).reshape(n, 8, 8)

    return Task(
        update=with_ema(gradient_descent(objective, optimizer), config.ema),
        pipeline=on_device(
            splits.train, batch_size=config.batch_size, seed=config.seed
        ),
        validate=lambda variables: bits(variables, validation),
        evaluate=evaluate,
        sample=sample,
        draw=lambda images: image_grid(images, title="samples"),
        figures=lambda variables, key: {},
        baselines=dict,
    )


def _normal_bits(train: np.ndarray, test: np.ndarray) -> float:
    """Bits a dimension of a normal with full covariance on dequantised grey levels."""
    key_train, key_test = jax.random.split(jax.random.key(0))
    x = np.asarray(dequantize(key_train, flatten(train), levels=LEVELS))
    y = np.asarray(dequantize(key_test, flatten(test), levels=LEVELS))
    normal = multivariate_normal(x.mean(axis=0), np.cov(x.T) + 1e-4 * np.eye(DIMS))
    return float(bits_per_dim(normal.logpdf(y).mean(), dims=DIMS, levels=LEVELS))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("flows/digits", config, build, EXPECTED)
