"""From a network that walks its dimensions in order to a density."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.autoregressive.conditional import Conditional
from genjax.autoregressive.ordering import Order
from genjax.base import Density
from genjax.checks import check_order, check_prefix
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample

Step = Callable[[Any, Array, Array], tuple[Any, Array]]


class Walk(NamedTuple):
    """A network of conditionals, all at once and one after another.

    Fields:
        init: `(key, inputs [b, D, k], condition=None) -> params`.
        outputs: `(params, inputs [b, D, k], condition=None) -> [b, D, size]`; those of
            d see the inputs before d.
        start: `(params, blank [n, D, k], condition=None) -> (cache, step)`, for a blank
            of zeros, with `step: (cache, d, previous [n, k]) -> (cache, outputs [n,
            size])`, where `previous` are the inputs of d - 1, zeros for the first.

    Law: the steps, one after another, give what `outputs` gives.
    """

    init: Callable[..., Params]
    outputs: Callable[..., Array]
    start: Callable[..., tuple[Any, Step]]


def autoregressive(
    walk: Walk,
    conditional: Conditional,
    order: Order | None = None,
) -> Density:
    """The density of vectors whose dimensions are drawn one after another.

        log p(x) = sum_d log p(x_d; bias_d + outputs_d(x_<d))

    Sampling and completion go through the dimensions once, by the cache of the walk.

    Args:
        walk: the network.
        conditional: what each dimension is drawn from.
        order: the dimension that the walk takes first, the second one, ...; natural
            when None. The inputs and outputs of the walk stay in the natural order, its
            steps go in this one.

    Returns:
        A density over `[b, D]` with the parameters `bias` `[D, size]`, which starts at
        the marginals of the first batch, and `network`. `complete` takes a mask of the
        first dimensions of the order, and a condition where the model has one.

    Raises:
        InputError: the order is no permutation of the dimensions, examples are not
            vectors of the model's length, values are outside the domain, or a mask is
            not a prefix.
    """

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        check_vectors(x)
        check_order("autoregressive", order, dim=x.shape[1])
        conditional.check(x)
        x = x.astype(jnp.float32)
        return {
            "bias": conditional.marginal(x),
            "network": walk.init(key, conditional.embed(x), condition),
        }

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        check_vectors(x, len(params["bias"]))
        conditional.check(x)
        params, x = as_float32((params, x))
        outputs = walk.outputs(params["network"], conditional.embed(x), condition)
        return conditional.log_prob(outputs + params["bias"][None], x).sum(axis=1)

    def draw(
        params: Params, key: Key, x: Array, observed: np.ndarray, condition: Condition
    ) -> tuple[Array, PerExample]:
        params, x = as_float32((params, x))
        n, dim = x.shape
        forth = check_order("autoregressive", order, dim=dim)
        blank = jnp.zeros((n, dim, conditional.inputs), jnp.float32)
        cache, advance = walk.start(params["network"], blank, condition)

        def step(carry: tuple[Any, Array, Array], scanned: Any) -> tuple[Any, Array]:
            cache, previous, log_prob = carry
            d, key, bias, given, seen = scanned
            cache, outputs = advance(cache, d, previous)
            outputs = outputs + bias[None]
            drawn = conditional.sample(key, outputs).astype(jnp.float32)
            value = jnp.where(seen, given, drawn)
            term = jnp.where(seen, 0.0, conditional.log_prob(outputs, value))
            return (cache, conditional.embed(value), log_prob + term), value

        start = (cache, blank[:, 0], jnp.zeros(n, jnp.float32))
        keys = jax.random.split(key, dim)
        in_order = (params["bias"][forth], x.T[forth], observed[forth])
        scanned = (jnp.arange(dim), keys, *in_order)
        (_, _, log_prob), values = jax.lax.scan(step, start, scanned)
        return values[np.argsort(forth)].T, log_prob

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        blank = jnp.zeros((n, len(params["bias"])), jnp.float32)
        check_vectors(blank)
        return draw(params, key, blank, np.zeros(blank.shape[1], bool), condition)

    def complete(
        params: Params, key: Key, x: Event, observed: Any, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        check_vectors(x, len(params["bias"]))
        forth = check_order("autoregressive", order, dim=x.shape[1])
        seen = check_prefix("autoregressive", observed, forth)
        conditional.check(jnp.where(seen[None], x, 0.0))
        return draw(params, key, x, seen, condition)

    return Density(init, log_prob, sample, complete)


def uncached(init: Callable[..., Params], outputs: Callable[..., Array]) -> Walk:
    """A walk by whole passes, one a dimension, for networks that keep nothing.

    Args:
        init: of the `Walk`.
        outputs: of the `Walk`.
    """

    def start(
        params: Params, blank: Array, condition: Condition = None
    ) -> tuple[Array, Step]:
        def step(inputs: Array, d: Array, previous: Array) -> tuple[Array, Array]:
            # The first step writes zeros over zeros.
            inputs = inputs.at[:, jnp.maximum(d - 1, 0)].set(previous)
            return inputs, jnp.take(outputs(params, inputs, condition), d, axis=1)

        return blank, step

    return Walk(init, outputs, start)


def by_steps(
    start: Callable[..., tuple[Any, Step]],
) -> Callable[..., Array]:
    """Returns the `outputs` of a `Walk` that has no faster way than its steps.

    Args:
        start: of the `Walk`.
    """

    def outputs(params: Params, inputs: Array, condition: Condition = None) -> Array:
        state, advance = start(params, jnp.zeros_like(inputs), condition)

        def step(state: Any, scanned: Any) -> tuple[Any, Array]:
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


def as_float32(tree: Any) -> Any:
    """Casts every leaf to float32."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree)


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
