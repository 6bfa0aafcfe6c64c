"""A GAN on a ring of eight narrow normals, the classic of mode collapse.

Three seeds train side by side as one vmapped program. 2,500 samples of each averaged
generator are measured; 2,500 true samples stand beside them.

Paper: Srivastava et al., 2017, arXiv:1705.07761; Mescheder et al., 2018,
    arXiv:1801.04406
Command: python -m experiments gan/ring --check
Hardware: 2 CPU cores
Time: 100 seconds for three seeds
Expected: 8 of 8 modes, high-quality share >= .93, reverse KL <= .02
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from experiments.config import RunConfig
from experiments.runner import Task, run
from genjax import nn
from genjax.base import Network
from genjax.data import eight_gaussians, generated
from genjax.data.toy import ring_centres
from genjax.densities import standard_normal
from genjax.gan import alternating, gan, minimax, non_saturating, r1
from genjax.metrics import ModeCoverage, mode_coverage
from genjax.plotting import scatter_panels
from genjax.training import with_ema
from genjax.typing import Array, Key, Variables


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    seeds: int = 3
    """How many seeds to train side by side, as one vmapped program."""
    width: int = 128
    """Of the three hidden layers of both networks."""
    latent: int = 16
    """Dimensions of the noise."""
    gamma: float = 0.01
    """Weight of the R1 penalty."""
    n_discriminator: int = 1
    """Steps of the discriminator for one of the generator."""
    steps: int = 20_000
    """Steps of the generator."""
    batch_size: int = 128
    """Points a step of the discriminator."""
    learning_rate: float = 1e-3
    """Of both Adams, decayed to a twentieth by a cosine."""
    ema: float = 0.999
    """Decay of the averaged generator that is evaluated."""
    evaluate_every: int = 2500
    """Steps between validations."""


SMOKE = {"width": 16, "steps": 40, "evaluate_every": 20}
EXPECTED = {
    "modes": {"at_least": 8},
    "high_quality": {"at_least": 0.93},
    "reverse_kl": {"at_most": 0.02},
}
RADIUS, SCALE = 1.0, 0.01


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    ring = eight_gaussians(radius=RADIUS, scale=SCALE)
    centres = jnp.asarray(ring_centres(RADIUS), jnp.float32)
    hidden = (config.width,) * 3
    generator: Network = nn.MLP(features=2, hidden=hidden)
    latent = standard_normal((config.latent,))
    game = gan(
        generator,
        nn.MLP(features=1, hidden=hidden),
        loss=non_saturating(),
        latent=latent,
        penalties=(r1(config.gamma),),
    )
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.steps, 0.05)
    adam = optax.adam(schedule, b1=0.0, b2=0.99)
    play = alternating(n_discriminator=config.n_discriminator)
    rows = config.batch_size * config.n_discriminator

    def sample(variables: Variables, key: Key, n: int) -> Array:
        return generator.apply(variables["generator"], latent.sample({}, key, n)[0])

    def coverage(variables: Variables, seed: int) -> ModeCoverage:
        points = sample(variables, jax.random.key(seed), 2500)
        return mode_coverage(points, centres, scale=SCALE)

    def validate(variables: Variables) -> Array:
        found = coverage(variables, 1_000_003)
        return found.reverse_kl + 1 - found.high_quality

    def evaluate(variables: Variables) -> dict[str, Any]:
        true = ring.sample({}, jax.random.key(1_000_004), 2500)[0]
        floor = mode_coverage(true, centres, scale=SCALE)
        return {
            **coverage(variables, 1_000_005)._asdict(),
            "high_quality_of_data": floor.high_quality,
            "reverse_kl_of_data": floor.reverse_kl,
        }

    return Task(
        update=with_ema(minimax(game, adam, adam, schedule=play), config.ema),
        pipeline=generated(
            lambda key: {"x": ring.sample({}, key, rows)[0]}, seed=config.seed
        ),
        validate=validate,
        evaluate=evaluate,
        sample=sample,
        draw=lambda points: _panels({0: points}),
        draw_over_time=_panels,
    )


def _panels(points: Mapping[int, Any]) -> Any:
    named = {f"step {step:,}" if step else "samples": x for step, x in points.items()}
    return scatter_panels(named, extent=(-1.5, 1.5, -1.5, 1.5))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/ring", config, build, EXPECTED)
