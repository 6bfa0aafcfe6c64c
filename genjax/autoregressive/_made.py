"""The masked autoencoder for distribution estimation (MADE)."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from genjax import nn
from genjax.autoregressive._conditional import Conditional, binary
from genjax.autoregressive._engine import Advance, AutoregressiveNetwork, autoregressive
from genjax.base import Density
from genjax.checks import check_order
from genjax.errors import InputError
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Carry, Condition, Key, Order, Variables


def made(
    *,
    hidden: Sequence[int],
    conditional: Conditional | None = None,
    order: Order | None = None,
    seed: int | None = None,
    degrees: Sequence[Array | np.ndarray] | None = None,
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
        order: the dimension that comes first, the second one, ...; natural when None.
        seed: of random degrees; evenly spread ones when None.
        degrees: in place of `order` and `seed`, the places of the dimensions and the
            degrees of each layer, one entry of `nn.sampled_degrees`. The variables fit
            all of them: see `shared_ensemble` and `member_likelihood`.
        activation: after each hidden layer.
        residual: whether hidden layers are added up (ResMADE).
        direct: whether inputs reach later outputs by a linear map as well.

    Returns:
        A density over `[b, D]`; see `autoregressive`. A condition is seen by every
        output.

    Raises:
        InputError: a width is not positive, residual layers differ in theirs or have
            random degrees, the order is no permutation of the dimensions, or degrees
            come beside an order or a seed.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> import jax
    >>> from genjax.autoregressive import made
    >>> model, x = made(hidden=(16,)), jax.numpy.eye(4)
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (4,)
    """
    if min(hidden, default=1) < 1:
        raise InputError(f"made: widths must be at least 1, got {tuple(hidden)}.")
    conditional = binary() if conditional is None else conditional
    if degrees is not None and (order is not None or seed is not None):
        raise InputError("made: degrees stand in place of an order and a seed.")
    if residual and (len(set(hidden)) > 1 or seed is not None or degrees is not None):
        raise InputError(
            "made: residual layers need equal widths, and neither a seed nor degrees, "
            f"got the widths {tuple(hidden)}."
        )
    dims = None if order is None else check_order("made", order)
    module = nn.MaskedMLP(
        features=conditional.size,
        inputs=conditional.inputs,
        hidden=tuple(hidden),
        order=None if dims is None else tuple(np.argsort(dims).tolist()),
        seed=seed,
        degrees=degrees,
        activation=activation,
        residual=residual,
        direct=direct,
        output_init=jax.nn.initializers.zeros,
    )
    if degrees is not None:
        dims = degrees[0].argsort()
    return autoregressive(_network(module), conditional, dims)


def _network(module: nn.MaskedMLP) -> AutoregressiveNetwork:
    network = as_pure_network(module, user="made")

    def flat(inputs: Array) -> Array:
        return inputs.reshape(len(inputs), -1)

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        return network.init(key, flat(inputs), condition)

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        return network.apply(variables, flat(inputs), condition)

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        n, dim, _ = blank.shape
        return nn.autoregressive_steps(
            module, variables, dim=dim, n=n, condition=condition
        )

    return AutoregressiveNetwork(init, outputs, start)
