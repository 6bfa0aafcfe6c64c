"""The masked autoencoder for distribution estimation (MADE)."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from genjax import nn
from genjax.autoregressive.conditional import Conditional, binary
from genjax.autoregressive.engine import Step, Walk, autoregressive
from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Key, Params


def made(
    *,
    hidden: Sequence[int],
    conditional: Conditional | None = None,
    seed: int | None = None,
    activation: Callable[[Array], Array] = jax.nn.relu,
    residual: bool = False,
    direct: bool = False,
) -> Density:
    """A masked MLP that gives all conditionals in one pass.

    Sampling goes through the dimensions with the work of a single pass: each hidden
    unit is computed once, as soon as the inputs that it sees are known.

    Args:
        hidden: the widths of the hidden layers.
        conditional: what a dimension is drawn from; `binary()` when None. With
            `normal_mixture(k)` it is the Gaussian-mixture MADE, with `categorical(k)`
            one of classes.
        seed: of random degrees; evenly spread ones when None.
        activation: after each hidden layer.
        residual: whether hidden layers are added up (ResMADE).
        direct: whether inputs reach later outputs by a linear map as well.

    Returns:
        A density over `[b, D]`; see `autoregressive`. A condition is seen by every
        output.

    Raises:
        InputError: a width is not positive, or residual layers differ in theirs.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> model, x = made(hidden=(16,)), jax.numpy.eye(4)
    >>> params = model.init(jax.random.key(0), x)
    >>> model.log_prob(params, x).shape
    (4,)
    """
    if min(hidden, default=1) < 1:
        raise InputError(f"made: widths must be at least 1, got {tuple(hidden)}.")
    conditional = binary() if conditional is None else conditional
    module = nn.MaskedMLP(
        features=conditional.size,
        inputs=conditional.inputs,
        hidden=tuple(hidden),
        seed=seed,
        activation=activation,
        residual=residual,
        direct=direct,
    )
    network = nn.stateless(module, user="made")

    def flat(inputs: Array) -> Array:
        return inputs.reshape(len(inputs), -1)

    def init(key: Key, inputs: Array, condition: Condition = None) -> Params:
        return network.init(key, flat(inputs), condition)

    def outputs(params: Params, inputs: Array, condition: Condition = None) -> Array:
        return network.apply(params, flat(inputs), condition)

    def start(
        params: Params, blank: Array, condition: Condition = None
    ) -> tuple[Any, Step]:
        rows, dim, _ = blank.shape
        variables = {"params": params}
        return nn.autoregressive_steps(
            module, variables, dim=dim, rows=rows, condition=condition
        )

    return autoregressive(Walk(init, outputs, start), conditional)
