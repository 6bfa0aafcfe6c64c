"""Games of two numbers: their paths, and how fast they contract."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import TrainState, Update
from genjax.training import scan_steps
from genjax.typing import Array

DATA = {"x": jnp.zeros((5, 1))}
"""The data of the Dirac-GAN: rows for as many steps of one player a round."""


def spectral_radius(update: Update) -> float:
    """The largest eigenvalue modulus of the Jacobian of one step.

    What a step maps are the positions, and the gradients that an optimiser keeps from
    its first step on.
    """
    state, _ = update.step(update.init(jax.random.key(0), DATA), DATA)
    leaves, structure = jax.tree.flatten((state.variables, state.opt_state))
    moving = [i for i, leaf in enumerate(leaves) if leaf.dtype == jnp.float32]

    def advance(numbers: Array) -> Array:
        changed = dict(zip(moving, numbers, strict=True))
        at = [changed.get(i, leaf) for i, leaf in enumerate(leaves)]
        variables, opt_state = jax.tree.unflatten(structure, at)
        there = state._replace(variables=variables, opt_state=opt_state)
        new, _ = update.step(there, DATA)
        found = jax.tree.leaves((new.variables, new.opt_state))
        return jnp.stack([found[i] for i in moving])

    jacobian = jax.jacfwd(advance)(jnp.stack([leaves[i] for i in moving]))
    return float(np.abs(np.linalg.eigvals(np.asarray(jacobian, np.float64))).max())


def path(update: Update, steps: int) -> np.ndarray:
    """The positions `[steps + 1, 2]` of both players from (1, 1) on."""
    start = update.init(jax.random.key(0), DATA)

    def step(state: TrainState, batch: Any) -> Any:
        state, metrics = update.step(state, batch)
        return state, {**metrics, "position": _position(state)}

    batches = {"x": jnp.zeros((steps, 5, 1))}
    _, metrics = scan_steps(Update(update.init, step)).step(start, batches)
    return np.vstack([_position(start), metrics["position"]])


def _position(state: TrainState) -> Array:
    players = (state.variables[name] for name in ("generator", "discriminator"))
    return jnp.stack([player["params"] for player in players])
