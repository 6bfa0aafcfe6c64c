"""A VAE with a NADE decoder and a RealNVP prior.

Three families meet in one objective: the likelihood p(x | z) is autoregressive, the
prior p(z) a flow, and neither knows of the other. The plain autoencoder of vae/digits
and the NADE of autoregressive/nade_digits are trained along.

Paper: Kingma and Welling, 2014, arXiv:1312.6114; Larochelle and Murray, 2011; Dinh et
    al., 2017, arXiv:1605.08803; Chen et al., 2017, arXiv:1611.02731
Command: python -m experiments composition/nade_vae --check
Hardware: 2 CPU cores
Time: 100 seconds, the two baselines included
Expected: test bound at least .7 nats below the plain autoencoder's
"""

from dataclasses import dataclass
from typing import Any

import jax

from experiments.baselines import measured
from experiments.config import TaskConfig
from experiments.runner import Task, run
from experiments.vae._latent_images import latent_task
from genjax import nn
from genjax.autoregressive import nade
from genjax.densities import conditional_normal, embed_condition, standard_normal
from genjax.flows import (
    affine,
    chain,
    coupling,
    density,
    repeat,
    reverse,
)
from genjax.vae import LatentModel, elbo


@dataclass(frozen=True, kw_only=True)
class Config(TaskConfig):
    """The settings of this experiment."""

    latent: int = 8
    """Dimensions of the latent, even."""
    width: int = 128
    """Of the hidden layers of the encoder, the decoder and the couplings."""
    hidden: int = 200
    """Hidden units of the NADE."""
    layers: int = 4
    """Coupling layers of the prior."""
    steps: int = 6000
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
    "hidden": 16,
    "layers": 2,
    "steps": 40,
    "evaluate_every": 20,
    "importance_samples": 50,
}
EXPECTED = {"nats_below_plain_vae": {"at_least": 0.7}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    layer = coupling(
        affine(),
        nn.MLP(
            features=config.latent,
            hidden=(config.width,),
            activation=jax.nn.silu,
            output_init=jax.nn.initializers.zeros,
        ),
        split=config.latent // 2,
    )
    flow = repeat(chain(layer, reverse()), config.layers)
    model = LatentModel(
        posterior=conditional_normal(
            nn.MLP(
                features=2 * config.latent,
                hidden=(config.width, config.width),
                activation=jax.nn.silu,
            )
        ),
        likelihood=embed_condition(
            nade(hidden=config.hidden, activation=jax.nn.relu),
            nn.MLP(
                features=config.width, hidden=(config.width,), activation=jax.nn.silu
            ),
        ),
        prior=density(flow, standard_normal((config.latent,))),
    )

    def baselines() -> dict[str, Any]:
        plain = measured(
            "vae/digits",
            smoke=config.smoke,
            seed=config.seed,
            progress=config.progress,
        )
        return {
            "plain_vae_bound": plain["test_bound"],
            "plain_vae_nll": plain["test_nll"],
            "nade_nll": plain["nade_nll"],
        }

    task = latent_task(
        config, model, elbo(model, latent_dim=config.latent), baselines=baselines
    )

    def evaluate(variables: Any) -> dict[str, Any]:
        found = dict(task.evaluate(variables))
        gain = found["plain_vae_bound"] - found["test_bound"]
        return {**found, "nats_below_plain_vae": gain}

    return task._replace(evaluate=evaluate)


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("composition/nade_vae", config, build, EXPECTED)
