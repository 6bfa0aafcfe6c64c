"""Recurrent networks over the dimensions: GRU and LSTM.

Each gate has an embedding of the dimension of its own, and the forget gate is open at
first. Flax's cells have one input for all gates, and fit digits worse.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.autoregressive._conditional import Conditional, binary
from genjax.autoregressive._engine import (
    Advance,
    AutoregressiveNetwork,
    autoregressive,
    by_steps,
)
from genjax.autoregressive._projection import init_projection, project
from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Carry, Condition, Key, Variables


class Cell(NamedTuple):
    """A recurrent cell whose input is already projected.

    Fields:
        gates: how many projections, each of the width of the state, it takes.
        start: `h [b, H] -> state`, from the first hidden vector.
        step: `(state, from_input [b, gates H], from_hidden [gates, H, H]) -> state`.
        hidden: `state -> h [b, H]`.
    """

    gates: int
    start: Callable[[Array], Carry]
    step: Callable[[Carry, Array, Array], Carry]
    hidden: Callable[[Carry], Array]


def gru() -> Cell:
    """The gated recurrent unit.

        r, z = sigmoid(...),   n = tanh(u_n + r (h U_n)),   h' = (1 - z) n + z h

    The state `h` is `[b, hidden]`.

    Source: Cho et al., 2014, arXiv:1406.1078.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import gru
    >>> cell = gru()
    >>> cell.gates, cell.hidden(cell.start(jnp.ones((2, 3)))).shape
    (3, (2, 3))
    """

    def step(h: Array, inputs: Array, kernels: Array) -> Array:
        reset, update, new = jnp.split(inputs, 3, axis=1)
        reset = jax.nn.sigmoid(reset + h @ kernels[0])
        update = jax.nn.sigmoid(update + h @ kernels[1])
        new = jnp.tanh(new + reset * (h @ kernels[2]))
        return (1 - update) * new + update * h

    return Cell(3, lambda h: h, step, lambda h: h)


def lstm() -> Cell:
    """The long short-term memory, its forget gate open at first.

        c' = f c + i tanh(...),   h' = o tanh(c')

    The state is `c` and `h`, each `[b, hidden]`.

    Source: Hochreiter and Schmidhuber, 1997; Gers, Schmidhuber and Cummins, 2000.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import lstm
    >>> cell = lstm()
    >>> cell.gates, cell.hidden(cell.start(jnp.ones((2, 3)))).shape
    (4, (2, 3))
    """

    def step(state: Carry, inputs: Array, kernels: Array) -> Carry:
        h, c = state
        gates = jnp.split(inputs, 4, axis=1)
        i, f, o, g = (u + h @ kernels[k] for k, u in enumerate(gates))
        c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    return Cell(4, lambda h: (h, jnp.zeros_like(h)), step, lambda state: state[0])


def recurrent(
    *, hidden: int, cell: Cell | None = None, conditional: Conditional | None = None
) -> Density:
    """A recurrent network that reads the dimensions one after another.

        h_d = cell(h_(d-1), x_(d-1) A + p_d),   outputs_d = h_d V

    The embedding `p_d` tells the network which dimension comes next; a condition moves
    the first state.

    Args:
        hidden: the width H of the state.
        cell: `gru()` when None, or `lstm()`.
        conditional: what a dimension is drawn from; `binary()` when None.

    Returns:
        A density over `[b, D]`; see `autoregressive`.

    Raises:
        InputError: `hidden` is not positive.

    Source: Graves, 2013, arXiv:1308.0850; Theis and Bethge, 2015, arXiv:1506.03478.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import recurrent
    >>> model, x = recurrent(hidden=8), jnp.eye(4)
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (4,)
    """
    if hidden < 1:
        raise InputError(f"recurrent: hidden must be at least 1, got {hidden}.")
    cell = gru() if cell is None else cell
    conditional = binary() if conditional is None else conditional
    size, width = conditional.size, cell.gates * hidden

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        _, dim, k = inputs.shape
        keys = jax.random.split(key, 5)
        scale = 1 / math.sqrt(hidden)
        kernels = jax.random.normal(keys[2], (cell.gates, hidden, hidden))
        return {
            "params": {
                "inputs": jax.random.normal(keys[0], (k, width)) / math.sqrt(k),
                "places": 0.1 * jax.random.normal(keys[1], (dim, width)),
                "recurrent": scale * kernels,
                "outputs": 0.1 * scale * jax.random.normal(keys[3], (hidden, size)),
                "condition": init_projection(keys[4], condition, hidden),
            }
        }

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        params = variables["params"]
        first = project(
            params["condition"],
            condition,
            len(blank),
            features=hidden,
            user="recurrent",
        )

        def step(state: Carry, d: Array, previous: Array) -> tuple[Carry, Array]:
            place = jnp.take(params["places"], d, axis=0)
            projected = previous @ params["inputs"] + place[None]
            state = cell.step(state, projected, params["recurrent"])
            return state, cell.hidden(state) @ params["outputs"]

        return cell.start(jnp.tanh(first)), step

    return autoregressive(
        AutoregressiveNetwork(init, by_steps(start), start), conditional
    )
