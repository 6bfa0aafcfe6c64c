"""A GAN's step, both players, beside eager PyTorch, in one process.

The workloads of `gan_step` with the same layers, losses and optimisers, written as one
writes them in PyTorch, which is no dependency of the project. PyTorch's threads are
those that suit it best: one for the small networks, all for the convolutions.

On all cores: uv run --with torch==2.13.0 python -m experiments.benchmarks.gan_pytorch
"""

import importlib
import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.gan_step import SCAN, Pair, pairs, stepper, update_of
from experiments.benchmarks.timing import alternating_ms
from genjax.errors import InputError


def torch_mlp(nn: Any, inputs: int, outputs: int) -> Any:
    """Three hidden layers of 128 units."""
    layers = [nn.Linear(inputs, 128), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Linear(128, 128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, outputs))


def torch_dcgan(nn: Any, latent: int, width: int = 64) -> tuple[Any, Any]:
    """The pair for 32 x 32 colour images."""
    wide = [4 * width, 2 * width, width]
    generator: list[Any] = [
        nn.Linear(latent, 16 * wide[0], bias=False),
        nn.Unflatten(1, (wide[0], 4, 4)),
    ]
    for inner, outer in zip(wide, [*wide[1:], 3], strict=True):
        generator += [nn.BatchNorm2d(inner), nn.ReLU()]
        last = outer == 3
        generator.append(nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=last))
    generator.append(nn.Tanh())
    narrow = wide[::-1]
    discriminator: list[Any] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for inner, outer in itertools.pairwise(narrow):
        discriminator += [
            nn.Conv2d(inner, outer, 4, 2, 1, bias=False),
            nn.BatchNorm2d(outer),
            nn.LeakyReLU(0.2),
        ]
    discriminator += [nn.Flatten(), nn.Linear(16 * wide[0], 1)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def torch_step(torch: Any, pair: Pair) -> Callable[[], list[float]]:
    """A step of both players; as many as genjax scans where it scans."""
    nn = torch.nn
    real = np.asarray(pair.batch)
    if pair.scanned:
        generator = torch_mlp(nn, pair.latent, 2)
        discriminator = torch_mlp(nn, 2, 1)
        batches = torch.tensor(real)
    else:
        generator, discriminator = torch_dcgan(nn, pair.latent)
        batches = torch.tensor(real.transpose(0, 3, 1, 2).copy())[None]
    adams = [
        torch.optim.Adam(player.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for player in (generator, discriminator)
    ]
    softplus = nn.functional.softplus

    def one(x: Any) -> float:
        z = torch.randn(len(x), pair.latent)
        fake = generator(z).detach()
        loss = softplus(-discriminator(x)).mean() + softplus(discriminator(fake)).mean()
        adams[1].zero_grad(set_to_none=True)
        loss.backward()
        adams[1].step()
        z = torch.randn(len(x), pair.latent)
        loss = softplus(-discriminator(generator(z))).mean()
        adams[0].zero_grad(set_to_none=True)
        loss.backward()
        adams[0].step()
        return float(loss.detach())

    def call() -> list[float]:
        return [one(x) for x in batches]

    return call


def main() -> None:
    """Prints medians, taken in turn."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise InputError(
            "PyTorch is missing: uv run --with torch==2.13.0 python -m "
            "experiments.benchmarks.gan_pytorch"
        ) from error
    table = Table("step", "genjax, ms", "PyTorch, ms", "genjax / PyTorch")
    for name, pair in pairs().items():
        torch.set_num_threads(1 if pair.scanned else os.cpu_count() or 1)
        ours, _ = stepper(update_of(pair), pair)
        steps = SCAN if pair.scanned else 1
        times = alternating_ms(ours, torch_step(torch, pair), runs=11)
        own, other = (ms / steps for ms in times)
        table.add_row(name, f"{own:.2f}", f"{other:.2f}", f"{own / other:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
