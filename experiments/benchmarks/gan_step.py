"""What a step of a GAN costs, both players: the plain one, and with R1 and R2.

MLPs of 3 x 128 units in the plane, batch 128, 100 steps in one scan; and DCGANs of
width 64 on 32 x 32 colour images, batch 64, a step a call.

For one core: taskset -c 0 uv run python -m experiments.benchmarks.gan_step
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import alternating_ms
from genjax import nn
from genjax.base import NetworkLike, Update
from genjax.densities import standard_normal
from genjax.gan import (
    Penalty,
    gan,
    minimax,
    non_saturating,
    r1,
    r2,
)
from genjax.training import scan_steps
from genjax.typing import Array

SCAN = 100


class Pair(NamedTuple):
    """A generator, a discriminator, and what they are trained on."""

    generator: NetworkLike
    discriminator: NetworkLike
    latent: int
    batch: Array
    scanned: bool


def pairs() -> dict[str, Pair]:
    """Returns the two workloads by name."""
    key = jax.random.key(0)
    return {
        "MLP in the plane": Pair(
            nn.MLP(features=2, hidden=(128,) * 3),
            nn.MLP(features=1, hidden=(128,) * 3),
            16,
            jax.random.normal(key, (SCAN, 128, 2)),
            scanned=True,
        ),
        "DCGAN 32 x 32": Pair(
            nn.DCGANGenerator(side=32, width=64),
            nn.DCGANDiscriminator(width=64),
            128,
            jnp.tanh(jax.random.normal(key, (64, 32, 32, 3))),
            scanned=False,
        ),
    }


def update_of(pair: Pair, penalties: tuple[Penalty, ...] = ()) -> Update:
    """Returns the non-saturating GAN's update by Adam."""
    game = gan(
        pair.generator,
        pair.discriminator,
        loss=non_saturating(),
        latent=standard_normal((pair.latent,)),
        penalties=penalties,
    )
    adam = optax.adam(2e-4, b1=0.5, b2=0.999)
    update = minimax(game, adam, adam)
    return scan_steps(update) if pair.scanned else update


def stepper(update: Update, pair: Pair) -> tuple[Callable[[], Any], float]:
    """Returns a call that steps on from the last state, and its memory in MiB."""
    batch = {"x": pair.batch}
    state = jax.jit(update.init)(jax.random.key(1), batch)
    step = jax.jit(update.step).lower(state, batch).compile()
    memory: Any = step.memory_analysis()
    states = [state]

    def call() -> Any:
        states[0], metrics = step(states[0], batch)
        return metrics

    return call, memory.temp_size_in_bytes / 2**20


def main() -> None:
    """Prints medians, taken in turn, and their ratio."""
    table = Table("step", "plain, ms", "with R1 and R2, ms", "ratio", "MiB", "MiB")
    for name, pair in pairs().items():
        plain, plain_memory = stepper(update_of(pair), pair)
        heavy, heavy_memory = stepper(
            update_of(pair, (r1(gamma=1.0), r2(gamma=1.0))), pair
        )
        steps = SCAN if pair.scanned else 1
        own, other = (ms / steps for ms in alternating_ms(plain, heavy, runs=11))
        table.add_row(
            name,
            f"{own:.2f}",
            f"{other:.2f}",
            f"{other / own:.2f}",
            f"{plain_memory:.1f}",
            f"{heavy_memory:.1f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
