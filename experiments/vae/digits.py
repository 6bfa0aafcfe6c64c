"""A variational autoencoder on digits, beside NADE.

The data are those of autoregressive/nade_digits, which is trained along: its likelihood
is exact, the autoencoder's is bounded by the ELBO and estimated by importance sampling.

Paper: Kingma and Welling, 2014, arXiv:1312.6114; Burda et al., 2016, arXiv:1509.00519
Command: python -m experiments vae/digits --check
Hardware: 2 CPU cores
Time: 50 seconds, the NADE included
Expected: test NLL <= 16.9 nats, test bound <= 17.9 nats
"""

from dataclasses import dataclass
from typing import Any

import jax

from experiments.baselines import measured
from experiments.config import TaskConfig
from experiments.runner import Task, run
from experiments.vae._latent_images import latent_task
from genjax import nn
from genjax.densities import conditional_bernoulli, conditional_normal, standard_normal
from genjax.vae import LatentModel, closed_form_kl, elbo


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    latent: int = 16
    """Dimensions of the latent."""
    width: int = 200
    """Of the two hidden layers of encoder and decoder."""
    steps: int = 8000
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-1
    """Decoupled weight decay."""
    ema: float = 0.998
    evaluate_every: int = 500
    importance_samples: int = 500
    """Of the estimate of the likelihood."""


SMOKE = {
    "latent": 2,
    "width": 16,
    "steps": 40,
    "evaluate_every": 20,
    "importance_samples": 50,
}
EXPECTED = {"test_nll": {"at_most": 16.9}, "test_bound": {"at_most": 17.9}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    hidden = (config.width, config.width)
    encoder = nn.MLP(features=2 * config.latent, hidden=hidden, activation=jax.nn.silu)
    decoder = nn.MLP(features=64, hidden=hidden, activation=jax.nn.silu)
    model = LatentModel(
        posterior=conditional_normal(encoder),
        likelihood=conditional_bernoulli(decoder),
        prior=standard_normal((config.latent,)),
    )
    objective = elbo(model, latent_dim=config.latent, kl=closed_form_kl)

    def baselines() -> dict[str, Any]:
        found = measured(
            "autoregressive/nade_digits",
            smoke=config.smoke,
            seed=config.seed,
            progress=config.progress,
        )
        return {"nade_nll": found["test_nll"]}

    return latent_task(config, model, objective, baselines=baselines)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("vae/digits", config, build, EXPECTED)
