"""What the checker of types refuses, and what the checks at run time do."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from genjax.densities import bernoulli

GIVEN = """
from typing import Any
from genjax import densities, flows, gan, nn, training, vae
from genjax.base import *
from genjax.typing import *

def check(
    network: Network, bijector: Bijector, density: Density, objective: Objective,
    game: Game, update: Update, head: Head, state: TrainState, variables: Variables,
    params: Params, key: Key, x: Event, batch: Batch, optimizer: Any,
) -> None:
"""

RIGHT = """
network.apply(variables, x)
network.train(variables, key, x)
network.apply({**variables, "params": params}, x)
network.apply({"params": x}, x)
network.apply(state.variables, x)
network.apply(gan.Players(**state.variables).generator, x)
density.log_prob(variables, x)
density.sample(variables, key, 3)
bijector.forward(variables, x)
objective.loss(variables, batch, key)
training.gradient_descent(objective, optimizer)
Network(network.init, network.apply)
Density(density.init, density.log_prob, density.sample)
""".strip().splitlines()

WRONG = """
network.apply(variables["params"], x)
network.apply(state.variables["params"], x)
network.apply(state, x)
network.apply(x, variables)
network.train(key, variables, x)
density.log_prob(variables["params"], x)
density.log_prob(x, variables)
density.sample(key, variables, 3)
density.sample(variables, key, x)
density.sample(variables, 3, key)
bijector.forward(variables["params"], x)
bijector.inverse(x, variables)
objective.loss(variables["params"], batch, key)
game.generator(variables["generator"], variables["discriminator"], batch, key)
head.apply(variables["params"], x)
update.step(variables, batch)
training.gradient_descent(density, optimizer)
training.gradient_descent(update, optimizer)
flows.density(density, bijector)
flows.chain(density, density)
densities.negative_log_likelihood(bijector)
gan.minimax(objective, optimizer, optimizer)
Network(network.apply, network.init)
Density(density.init, density.sample, density.log_prob)
Objective(objective.loss, objective.init)
""".strip().splitlines()


def test_arguments_in_the_wrong_place_are_errors_of_the_checker(tmp_path):
    lines = [f"    {line}" for line in RIGHT + WRONG]
    (tmp_path / "swaps.py").write_text(GIVEN + "\n".join(lines))
    (tmp_path / "pyrefly.toml").write_text(
        f'search-path = ["{Path(__file__).parents[1]}"]\n'
        f'python-interpreter-path = "{sys.executable}"\n'
    )
    found = subprocess.run(
        [sys.executable, "-m", "pyrefly", "check", "--output-format", "json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    refused = {error["line"] for error in json.loads(found.stdout)["errors"]}
    first = GIVEN.count("\n") + 1
    assert [
        line for i, line in enumerate(RIGHT + WRONG) if first + i in refused
    ] == WRONG


def test_shapes_are_checked_at_run_time():
    model = bernoulli()
    params = model.init(jax.random.key(0), jnp.ones((2, 3)))
    with pytest.raises(jaxtyping.TypeCheckError):
        model.log_prob(params, "no array")
