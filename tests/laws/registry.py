"""A tiny instance of every method: one line here, and it is held to its laws."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from genjax import nn
from genjax.autoregressive import nade
from genjax.base import Bijector, Density, Objective, Update
from genjax.data import checkerboard, eight_gaussians, gaussian_grid, two_moons
from genjax.densities import (
    bernoulli,
    bernoulli_mixture,
    diagonal_normal,
    negative_log_likelihood,
    standard_normal,
)
from genjax.flows import (
    affine_coupling,
    chain,
    density,
    invert,
    permutation,
    repeat,
    reverse,
)
from genjax.training import (
    accumulate,
    ensemble,
    gradient_descent,
    skip_nonfinite,
    with_ema,
    with_preprocessing,
)


class Case(NamedTuple):
    """A method and the shape of one event of its domain."""

    method: Any
    event: tuple[int, ...] = (4,)
    condition: tuple[int, ...] | None = None


def conditioner(features: int = 4) -> nn.MLP:
    """A network whose output is not 0 at first, so that laws have something to find."""
    return nn.MLP(
        features=features,
        hidden=(8,),
        activation=jax.nn.silu,
        output_init=jax.nn.initializers.normal(0.2),
    )


def coupling() -> Bijector:
    return affine_coupling(conditioner(), split=2)


def layer() -> Bijector:
    return chain(coupling(), permutation((2, 3, 1, 0)))


def realnvp(layers: int = 2) -> Density:
    return density(repeat(layer(), layers), standard_normal((4,)))


BIJECTORS: Mapping[str, Case] = {
    "affine_coupling": Case(coupling()),
    "affine_coupling, images": Case(coupling(), (3, 3, 4)),
    "affine_coupling, conditioned": Case(coupling(), condition=(2,)),
    "permutation": Case(permutation((2, 0, 3, 1))),
    "reverse": Case(reverse()),
    "chain": Case(chain(coupling(), reverse(), coupling())),
    "invert": Case(invert(coupling())),
    "repeat": Case(repeat(layer(), 3)),
    "repeat, conditioned": Case(repeat(layer(), 3), condition=(2,)),
    "repeat, scanned": Case(repeat(layer(), 10)),
}

BINARY: Mapping[str, Case] = {
    "bernoulli": Case(bernoulli(), (6,)),
    "bernoulli_mixture": Case(bernoulli_mixture(components=3), (6,)),
    "nade": Case(nade(hidden=5), (6,)),
    "nade, relu": Case(nade(hidden=5, activation=jax.nn.relu, segment=4), (6,)),
}
"""Densities over {0, 1}^d."""

PLANAR: Mapping[str, Case] = {
    "standard_normal": Case(standard_normal((2,)), (2,)),
    "diagonal_normal": Case(diagonal_normal((2,)), (2,)),
    "realnvp": Case(
        density(
            repeat(chain(affine_coupling(conditioner(2), split=1), reverse()), 2),
            standard_normal((2,)),
        ),
        (2,),
    ),
    "two_moons": Case(two_moons(noise=0.2), (2,)),
    "eight_gaussians": Case(eight_gaussians(), (2,)),
    "gaussian_grid": Case(gaussian_grid(side=2, scale=0.2), (2,)),
    "checkerboard": Case(checkerboard(), (2,)),
}
"""Densities over the plane, within [-8, 8]^2 up to 1e-3 of their mass."""

OBJECTIVES: Mapping[str, Callable[[], Objective]] = {
    "nade": lambda: negative_log_likelihood(nade(hidden=5)),
    "realnvp": lambda: negative_log_likelihood(realnvp()),
    "accumulate": lambda: accumulate(negative_log_likelihood(nade(hidden=5)), 2),
    "with_preprocessing": lambda: with_preprocessing(
        negative_log_likelihood(nade(hidden=5)),
        lambda key, batch: {"x": 1 - batch["x"]},
    ),
}
"""Over batches {"x": [b, 4]} of zeros and ones, and the same on any devices."""


def descent(objective: Objective) -> Update:
    return gradient_descent(objective, optax.adam(1e-2))


UPDATES: Mapping[str, Callable[[], Update]] = {
    "nade": lambda: descent(OBJECTIVES["nade"]()),
    "realnvp": lambda: descent(OBJECTIVES["realnvp"]()),
    "accumulate": lambda: descent(OBJECTIVES["accumulate"]()),
    "with_ema": lambda: with_ema(descent(OBJECTIVES["realnvp"]()), 0.9),
    "skip_nonfinite": lambda: skip_nonfinite(descent(OBJECTIVES["nade"]())),
    "ensemble": lambda: ensemble(descent(OBJECTIVES["nade"]()), 3),
}


def batch(rows: int = 16, seed: int = 0) -> dict[str, jax.Array]:
    """Zeros and ones that every objective of the registry takes."""
    x = jax.random.bernoulli(jax.random.key(seed), 0.4, (rows, 4))
    return {"x": x.astype(jnp.float32)}


def normal_batch(case: Case, rows: int = 8) -> tuple[jax.Array, jax.Array | None]:
    """Events, and conditions where the case has any."""
    key_x, key_condition = jax.random.split(jax.random.key(1))
    x = jax.random.normal(key_x, (rows, *case.event))
    if case.condition is None:
        return x, None
    return x, jax.random.normal(key_condition, (rows, *case.condition))
