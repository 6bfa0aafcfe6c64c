"""The Dirac-GAN: which methods reach equilibrium.

The data are the point 0, the generator is a point x, and the discriminator a slope y;
all but the instance noise are games of `gan`. Near the equilibrium (0, 0) a step
is a linear map, whose spectral radius has a closed form for every method but the
gradient penalty, which is not smooth there. Paths from (1, 1) show the rest.

Paper: Mescheder, Geiger and Nowozin, 2018, arXiv:1801.04406
Command: python -m experiments gan/dirac --check
Hardware: 2 CPU cores
Time: 20 seconds
Expected: the rates equal their closed forms to 1e-6; the plain GAN, the Wasserstein GAN
    and its gradient penalty with five steps of the critic stay away from (0, 0); R1,
    instance noise, consensus, symplectic, optimistic and extragradient steps reach it
"""

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.config import RunConfig
from experiments.gan._dynamics import path, spectral_radius
from experiments.gan.bilinear import rates
from experiments.runner import Study, run
from genjax.base import Game, Network, Update
from genjax.densities import standard_normal
from genjax.gan import (
    AdversarialLoss,
    alternating,
    clip_weights,
    consensus,
    extragradient,
    gan,
    gradient_penalty,
    minimax,
    r1,
    saturating,
    simultaneous,
    symplectic,
    wasserstein,
    zero_sum,
)
from genjax.plotting import trajectories
from genjax.typing import Array, Key, Variables

CONVERGE = (
    "r1",
    "instance_noise",
    "consensus",
    "symplectic",
    "extragradient",
    "optimistic",
)
STAY_AWAY = ("plain", "plain_alternating", "wasserstein", "gradient_penalty")


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    step_size: float = 0.2
    """The step h of both players."""
    gamma: float = 0.8
    """Weight of R1; the variance of the instance noise is twice that."""
    weight: float = 1.0
    """Of the consensus and symplectic terms."""
    steps: int = 4000
    """Steps of the paths that are drawn."""


SMOKE = {"steps": 5}
EXPECTED = {
    **{
        f"{name}_error": {"at_most": 1e-6}
        for name in (*CONVERGE, *STAY_AWAY)
        if name != "gradient_penalty"
    },
    **{f"{name}_distance": {"at_most": 1e-3} for name in CONVERGE},
    **{f"{name}_distance": {"at_least": 0.1} for name in STAY_AWAY},
}


class Method(NamedTuple):
    """A way to play, with the closed form of its rate where there is one.

    A game is made of the place where both players begin. The critic's optimiser is that
    of both players when None.
    """

    game: Callable[[float], Game]
    optimizer: optax.GradientTransformation
    schedule: Any
    rate: float | None
    critic: optax.GradientTransformation | None = None


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    every = methods(config)

    def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        del folder
        metrics, paths = {}, {}
        for name, method in every.items():
            if method.rate is not None:
                rate = spectral_radius(update(method, start=0.0))
                metrics[f"{name}_rate"] = rate
                metrics[f"{name}_closed_form"] = method.rate
                metrics[f"{name}_error"] = abs(rate - method.rate)
            paths[name] = path(update(method, start=1.0), config.steps)
            metrics[f"{name}_distance"] = np.linalg.norm(paths[name][-1])
        portraits = {name.replace("_", " "): p for name, p in paths.items()}
        return metrics, {"phase_portraits": trajectories(portraits, columns=5)}

    return Study(measure)


def methods(config: Config) -> dict[str, Method]:
    """Returns the methods with their closed forms at the equilibrium."""
    h, sgd = config.step_size, optax.sgd(config.step_size)
    # f'(0) = 1/2: near (0, 0) the plain game is the bilinear one with half the step.
    bilinear, at_once = rates(h / 2), simultaneous()
    turned = abs(1 - config.weight * h / 4 - 0.5j * h)
    optimistic = optax.optimistic_gradient_descent(h)
    plain = partial(game_of, saturating())
    return {
        "plain": Method(plain, sgd, at_once, bilinear["simultaneous"]),
        "plain_alternating": Method(plain, sgd, alternating(), 1.0),
        "wasserstein": Method(
            partial(game_of, wasserstein()),
            sgd,
            at_once,
            math.sqrt(1 + h**2),
            optax.chain(sgd, clip_weights(limit=1.0)),
        ),
        "gradient_penalty": Method(
            partial(game_of, wasserstein(), gradient_penalty(weight=0.25)),
            sgd,
            alternating(n_discriminator=5),
            None,
        ),
        "r1": Method(
            partial(game_of, saturating(), r1(gamma=config.gamma)),
            sgd,
            at_once,
            damped(h, config.gamma),
        ),
        "instance_noise": Method(
            partial(noisy, 2 * config.gamma), sgd, at_once, damped(h, config.gamma)
        ),
        "consensus": Method(plain, sgd, consensus(weight=config.weight), turned),
        "symplectic": Method(plain, sgd, symplectic(weight=config.weight), turned),
        "extragradient": Method(plain, sgd, extragradient(), bilinear["extragradient"]),
        "optimistic": Method(plain, optimistic, at_once, bilinear["optimistic"]),
    }


def update(method: Method, start: float) -> Update:
    """Returns the update of a method, both players beginning at `start`."""
    critic = method.critic or method.optimizer
    game = method.game(start)
    return minimax(game, method.optimizer, critic, schedule=method.schedule)


def game_of(loss: AdversarialLoss, *arguments: Any) -> Game:
    """The Dirac-GAN of a loss, of penalties where there are any, and of a start."""
    *penalties, start = arguments

    def begin(key: Key, /, *inputs: Array) -> Variables:
        del key, inputs
        return {"params": jnp.array(start)}

    point = Network(begin, lambda own, *z: 0 * z[0] + own["params"])
    slope = Network(begin, lambda own, *x: own["params"] * x[0])
    return gan(
        point,
        slope,
        loss=loss,
        latent=standard_normal((1,)),
        penalties=penalties,
    )


def noisy(variance: float, start: float) -> Game:
    """The game where data and fakes are moved by plus or minus a deviation."""
    d = jnp.array(math.sqrt(variance))

    def f(t: Array) -> Array:
        return -jax.nn.softplus(-t)

    def value(x: Array, y: Array, batch: Any, key: Any) -> Array:
        fakes = f((x + d) * y) + f((x - d) * y)
        return (fakes + f(d * y) + f(-d * y)) / 2

    return zero_sum(value, lambda key, batch: (jnp.array(start), jnp.array(start)))


def damped(h: float, gamma: float) -> float:
    """The rate of simultaneous steps with R1, from the eigenvalues of the field."""
    root = cmath.sqrt(gamma**2 / 4 - 1 / 4)
    return max(abs(1 + h * (-gamma / 2 + sign * root)) for sign in (1, -1))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("gan/dirac", config, build, EXPECTED)
