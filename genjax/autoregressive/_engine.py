"""From a network that takes its dimensions in order to a density."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from genjax.arrays import as_float32
from genjax.autoregressive._conditional import Conditional
from genjax.base import Density, Init
from genjax.checks import check_order, check_prefix
from genjax.errors import InputError
from genjax.typing import (
    Array,
    Carry,
    Condition,
    Event,
    Key,
    Mask,
    Order,
    PerExample,
    Scanned,
    Variables,
)
from genjax.variables import join_parts, part_of

Advance = Callable[[Carry, Array, Array], tuple[Carry, Array]]
"""`(cache, d, previous inputs [n, k]) -> (cache, outputs [n, size])`."""


@runtime_checkable
class Outputs(Protocol):
    """All outputs at once, `[b, D, size]`, from the inputs `[b, D, k]`."""

    def __call__(
        self, variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        """Returns the outputs."""
        ...


@runtime_checkable
class Start(Protocol):
    """A cache, and the function that takes one dimension after another."""

    def __call__(
        self, variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        """Returns the cache and the step."""
        ...


class AutoregressiveNetwork(NamedTuple):
    """A network of conditionals, all at once and one after another.

    Fields:
        init: `(key, inputs [b, D, k], condition=None) -> variables`.
        outputs: `(variables, inputs [b, D, k], condition=None) -> [b, D, size]`;
            those of d see the inputs before d.
        start: `(variables, blank [n, D, k], condition=None) -> (cache, step)`,
            for a blank of zeros, with `step: (cache, d, previous [n, k]) -> (cache,
            outputs [n, size])`, where `previous` are the inputs of d - 1, zeros for
            the first.

    Law: the steps, one after another, give what `outputs` gives.
    """

    init: Init
    outputs: Outputs
    start: Start


def autoregressive(
    network: AutoregressiveNetwork,
    conditional: Conditional,
    order: Order | None = None,
) -> Density:
    """The density of vectors whose dimensions are drawn one after another.

        log p(x) = sum_d log p(x_d; bias_d + outputs_d(x_<d))

    Sampling and completion go through the dimensions once, by the network's cache.

    Args:
        network: gives the numbers that determine each dimension.
        conditional: what each dimension is drawn from.
        order: the dimension that the network takes first, the second one, ...; natural
            when None. The inputs and outputs of the network stay in the natural order,
            its steps go in this one.

    Returns:
        A density over `[b, D]` with the parts `bias` `[D, size]`, which starts at
        the marginals of the first batch, and `network`. `complete` takes a mask of the
        first dimensions of the order, and a condition where the model has one.

    Raises:
        InputError: the order is no permutation of the dimensions, examples are not
            vectors of the model's length, values are outside the domain, or a mask is
            not a prefix.

    Source: Bengio and Bengio, 2000; Larochelle and Murray, 2011.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive._engine import inputs_before
    >>> from genjax.autoregressive import autoregressive, binary, uncached
    >>> def outputs(variables, inputs, condition=None):
    ...     return inputs_before(inputs)
    >>> network = uncached(lambda key, inputs, condition=None: {"params": {}}, outputs)
    >>> model, x = autoregressive(network, binary()), jnp.eye(3)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        check_vectors(x)
        check_order("autoregressive", order, dim=x.shape[1])
        conditional.check(x)
        x = x.astype(jnp.float32)
        return join_parts(
            {
                "bias": {"params": conditional.marginal(x)},
                "network": network.init(key, conditional.embed(x), condition),
            }
        )

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        bias = variables["params"]["bias"]
        check_vectors(x, len(bias))
        conditional.check(x)
        variables, x, bias = as_float32((variables, x, bias))
        own = part_of(variables, "network")
        outputs = network.outputs(own, conditional.embed(x), condition)
        return conditional.log_prob(outputs + bias[None], x).sum(axis=1)

    draw = partial(_draw, network, conditional, order)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        blank = jnp.zeros((n, len(variables["params"]["bias"])), jnp.float32)
        check_vectors(blank)
        return draw(variables, key, blank, np.zeros(blank.shape[1], bool), condition)

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, PerExample]:
        check_vectors(x, len(variables["params"]["bias"]))
        dims = check_order("autoregressive", order, dim=x.shape[1])
        seen = check_prefix("autoregressive", observed, dims)
        conditional.check(jnp.where(seen[None], x, 0.0))
        return draw(variables, key, x, seen, condition)

    return Density(init, log_prob, sample, complete)


def _draw(
    network: AutoregressiveNetwork,
    conditional: Conditional,
    order: Order | None,
    variables: Variables,
    key: Key,
    x: Array,
    observed: np.ndarray,
    condition: Condition,
) -> tuple[Array, PerExample]:
    variables, x = as_float32((variables, x))
    biases = variables["params"]["bias"]
    n, dim = x.shape
    dims = check_order("autoregressive", order, dim=dim)
    blank = jnp.zeros((n, dim, conditional.inputs), jnp.float32)
    own = part_of(variables, "network")
    cache, advance = network.start(own, blank, condition)

    def step(carry: Carry, scanned: Scanned) -> tuple[Carry, Array]:
        cache, previous, log_prob = carry
        d, key, column, bias, given, seen = scanned
        cache, outputs = advance(cache, d, previous)
        outputs, own = outputs + bias[None], conditional.of(column)
        drawn = own.sample(key, outputs).astype(jnp.float32)
        value = jnp.where(seen, given, drawn)
        term = jnp.where(seen, 0.0, own.log_prob(outputs, value))
        return (cache, own.embed(value), log_prob + term), value

    start = (cache, blank[:, 0], jnp.zeros(n, jnp.float32))
    keys = jax.random.split(key, dim)
    in_order = (jnp.asarray(dims), biases[dims], x.T[dims], observed[dims])
    scanned = (jnp.arange(dim), keys, *in_order)
    (_, _, log_prob), values = jax.lax.scan(step, start, scanned)
    return values[np.argsort(dims)].T, log_prob


def uncached(init: Init, outputs: Outputs) -> AutoregressiveNetwork:
    """A network that keeps nothing: a whole pass for each dimension.

    Args:
        init: `(key, inputs [b, D, k], condition=None) -> variables`.
        outputs: `(variables, inputs [b, D, k], condition=None) -> [b, D, size]`.

    Returns:
        The network with its steps.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import uncached
    >>> from genjax.autoregressive._engine import inputs_before
    >>> def before(variables, inputs, condition=None):
    ...     return inputs_before(inputs)
    >>> network = uncached(lambda key, inputs, condition=None: {"params": {}}, before)
    >>> inputs = jnp.array([[[5.0], [6.0]]])
    >>> network.outputs({}, inputs).tolist()
    [[[0.0], [5.0]]]
    """

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Array, Advance]:
        def advance(inputs: Array, d: Array, previous: Array) -> tuple[Array, Array]:
            # The first step writes zeros over zeros.
            inputs = inputs.at[:, jnp.maximum(d - 1, 0)].set(previous)
            return inputs, jnp.take(outputs(variables, inputs, condition), d, axis=1)

        return blank, advance

    return AutoregressiveNetwork(init, outputs, start)


def by_steps(start: Start) -> Outputs:
    """Returns the `outputs` of a network that has no faster way than its steps.

    Args:
        start: of the `AutoregressiveNetwork`.
    """

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        state, advance = start(variables, jnp.zeros_like(inputs), condition)

        def step(state: Carry, scanned: Scanned) -> tuple[Carry, Array]:
            d, previous = scanned
            return advance(state, d, previous)

        places = jnp.arange(inputs.shape[1])
        previous = jnp.swapaxes(inputs_before(inputs), 0, 1)
        _, found = jax.lax.scan(step, state, (places, previous))
        return jnp.swapaxes(found, 0, 1)

    return outputs


def inputs_before(inputs: Array) -> Array:
    """Returns the inputs of the dimension before each, zeros before the first.

    Args:
        inputs: `[b, D, k]`.
    """
    return jnp.pad(inputs, ((0, 0), (1, 0), (0, 0)))[:, :-1]


def check_vectors(x: Array, dim: int | None = None) -> None:
    """Checks that `x` is a batch of vectors, of `dim` numbers where that is known.

    Raises:
        InputError: it is not, or has no row.
    """
    if x.ndim != 2 or 0 in x.shape or (dim is not None and x.shape[1] != dim):
        wanted = "D" if dim is None else dim
        raise InputError(
            f"autoregressive: x must be a batch of at least one vector "
            f"[b, {wanted}], got the shape {x.shape}; flatten images first."
        )
