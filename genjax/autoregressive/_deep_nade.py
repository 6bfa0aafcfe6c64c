"""Orderless networks (deep NADE, ConvNADE): one network for every order."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from genjax.arrays import as_float, as_float32
from genjax.autoregressive._conditional import Conditional, binary
from genjax.autoregressive._engine import check_vectors
from genjax.base import Density, Network, NetworkLike, Objective
from genjax.checks import check_observed, check_order, check_prefix, read_batch
from genjax.errors import InputError
from genjax.nn.adapters import as_network, as_pure_network
from genjax.typing import (
    Array,
    Batch,
    Carry,
    Condition,
    Event,
    Key,
    Mask,
    Order,
    Outcome,
    PerExample,
    Scanned,
    Variables,
)
from genjax.variables import join_changes, join_parts, part_of


def deep_nade(
    model: NetworkLike,
    order: Order | None = None,
    *,
    conditional: Conditional | None = None,
) -> Density:
    """The density that an orderless network has in one order.

        p(x) = prod_t p(x_(o_t) | x_(o_1), ..., x_(o_(t-1))),
        outputs = bias + network(observed x, observed)

    A likelihood takes one pass per dimension. Without an order, any set of observed
    dimensions is completed, by the model of an order that has them first and then goes
    on in the natural one, and each row may have a set of its own (a mask `[b, D]`,
    which may be traced); with an order, a prefix of it. The densities of two orders
    differ a little, and `shared_ensemble` is their mixture.

    Args:
        model: a network from `[b, D inputs + D]`, observed inputs (zeros
            elsewhere) and the mask, to `[b, D size]`. A network of images reshapes them
            itself: that is ConvNADE.
        order: the dimension that comes first, the second one, ...; natural when None.
            It may be traced where likelihoods are all that is wanted.
        conditional: what a dimension is drawn from; `binary()` when None.

    Returns:
        A density over `[b, D]`, trained by `orderless_likelihood`.

    Raises:
        InputError: `order` is no permutation of the dimensions, what is observed is no
            prefix of it, or the network's output has another shape.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757; Uria, Cote, Gregor,
    Murray and Larochelle, 2016, arXiv:1605.02226.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import deep_nade
    >>> from genjax import nn
    >>> model = deep_nade(nn.MLP(features=3, hidden=(8,)))
    >>> x = jnp.eye(3)
    >>> variables = model.init(jax.random.key(0), x)
    >>> observed = jnp.array([False, True, False])
    >>> completed, _ = model.complete(variables, jax.random.key(1), x, observed)
    >>> bool((completed[:, 1] == x[:, 1]).all())
    True
    """
    conditional = binary() if conditional is None else conditional
    conditionals = _Conditionals(as_pure_network(model, user="deep_nade"), conditional)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        check_vectors(x, len(variables["params"]["bias"]))
        conditional.check(x)
        variables, x = as_float32((variables, x))
        is_traced = isinstance(order, jax.core.Tracer)
        dims = order if is_traced else _dims(order, x)
        masks = dims.argsort()[None] < np.arange(len(dims))[:, None]

        def step(total: Array, scanned: tuple[Array, Array]) -> tuple[Array, None]:
            d, mask = scanned
            outputs = conditionals.apply(variables, x, mask, condition)
            terms = conditional.of(d).log_prob(
                jnp.take(outputs, d, axis=1), jnp.take(x, d, axis=1)
            )
            return total + terms, None

        scanned = (jnp.asarray(dims), jnp.asarray(masks))
        return jax.lax.scan(step, jnp.zeros(len(x), jnp.float32), scanned)[0]

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, PerExample]:
        check_vectors(x, len(variables["params"]["bias"]))
        dims = _dims(order, x)
        if order is not None:
            seen = check_prefix("deep_nade", observed, dims)[None]
        elif jnp.ndim(observed) == 2:
            seen = _check_rows(observed, x)
        else:
            seen = check_observed("deep_nade", observed, len(dims))[None]
        x = jnp.where(seen, x, 0.0)
        conditional.check(x)
        variables, x = as_float32((variables, x))
        missing = dims if jnp.ndim(observed) == 2 else dims[~seen[0, dims]]

        start = (x, jnp.asarray(seen), jnp.zeros(len(x), jnp.float32))
        step = conditionals.drawing(variables, condition)
        scanned = (jnp.asarray(missing), jax.random.split(key, len(missing)))
        (x, _, total), _ = jax.lax.scan(step, start, scanned)
        return x, total

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        blank = jnp.zeros((n, len(variables["params"]["bias"])), jnp.float32)
        nothing = np.zeros(blank.shape[1], bool)
        return complete(variables, key, blank, nothing, condition)

    return Density(conditionals.init, log_prob, sample, complete)


def _check_rows(observed: Mask, x: Array) -> Array:
    mask = jnp.asarray(observed, bool)
    if mask.shape != x.shape:
        raise InputError(
            f"deep_nade: observed must have the shape {x.shape[1:]} of one row, or "
            f"{x.shape} of all, got {mask.shape}."
        )
    return mask


def _dims(order: Order | None, x: Array) -> np.ndarray:
    return check_order("deep_nade", order, dim=x.shape[1])


def orderless_likelihood(
    model: NetworkLike, *, conditional: Conditional | None = None
) -> Objective:
    """Trains a network for all orders at once.

        loss = -E_(o, t) D / (D - t + 1) sum_(d not in o_<t) log p(x_d | x_(o_<t))

    The number of observed dimensions and which ones are drawn for each example anew, so
    that the loss is an unbiased estimate of the mean negative log-likelihood over all
    orders.

    Args:
        model: as `deep_nade` takes it; it is applied in training.
        conditional: what a dimension is drawn from; `binary()` when None.

    Returns:
        An objective over batches `{"x": [b, D]}`, with `"condition"` where the network
        takes one; its variables are those of `deep_nade`.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import orderless_likelihood
    >>> from genjax import nn
    >>> objective = orderless_likelihood(nn.MLP(features=3, hidden=(8,)))
    >>> batch = {"x": jnp.eye(3)}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    conditional = binary() if conditional is None else conditional
    conditionals = _Conditionals(
        as_network(model, user="orderless_likelihood"), conditional
    )

    def fields(batch: Batch) -> tuple:
        return read_batch("orderless_likelihood", batch, ("x",), ("condition",))

    def init(key: Key, batch: Batch, /) -> Variables:
        x, condition = fields(batch)
        return conditionals.init(key, x, condition)

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        x, condition = fields(batch)
        n, dim = x.shape
        key_count, key_order, key_network = jax.random.split(key, 3)
        count = jax.random.randint(key_count, (n, 1), 0, dim)
        ranks = jnp.argsort(jax.random.uniform(key_order, x.shape), axis=1)
        observed = ranks < count
        outputs, changed = conditionals.train(
            variables, key_network, x, observed, condition
        )
        terms = jnp.where(observed, 0.0, conditional.log_prob(outputs, x))
        each = dim / (dim - count[:, 0]) * terms.sum(axis=1)
        value = -jnp.mean(each)
        return value, (changed, {"loss": value, "nll": value})

    return Objective(init, loss)


class _Conditionals:
    """All conditionals given what is observed."""

    def __init__(self, network: Network, conditional: Conditional) -> None:
        self.network = network
        self.conditional = conditional

    def init(self, key: Key, x: Event, /, condition: Condition = None) -> Variables:
        check_vectors(x)
        self.conditional.check(x)
        inputs = self.inputs(x, jnp.zeros(x.shape, bool))
        return join_parts(
            {
                "bias": {"params": self.conditional.marginal(as_float(x))},
                "network": self.network.init(key, inputs, condition),
            }
        )

    def inputs(self, x: Array, observed: Array) -> Array:
        mask = jnp.broadcast_to(observed, x.shape).astype(jnp.float32)
        seen = self.conditional.embed(x) * mask[..., None]
        return jnp.concatenate([seen.reshape(len(x), -1), mask], axis=1)

    def apply(
        self, variables: Variables, x: Array, observed: Array, condition: Condition
    ) -> Array:
        own, inputs = part_of(variables, "network"), self.inputs(x, observed)
        return self.shaped(variables, x, self.network.apply(own, inputs, condition))

    def drawing(
        self, variables: Variables, condition: Condition
    ) -> Callable[[Carry, Scanned], tuple[Carry, None]]:
        """Returns the step of a scan that draws one dimension after another."""

        def step(carry: Carry, scanned: Scanned) -> tuple[Carry, None]:
            x, mask, total = carry
            d, key = scanned
            outputs = self.apply(variables, x, mask, condition)
            outputs = jnp.take(outputs, d, axis=1)
            own, seen = self.conditional.of(d), jnp.take(mask, d, axis=1)
            drawn = own.sample(key, outputs).astype(jnp.float32)
            value = jnp.where(seen, jnp.take(x, d, axis=1), drawn)
            total = total + jnp.where(seen, 0.0, own.log_prob(outputs, value))
            return (x.at[:, d].set(value), mask.at[:, d].set(True), total), None

        return step

    def train(
        self,
        variables: Variables,
        key: Key,
        x: Array,
        observed: Array,
        condition: Condition,
    ) -> tuple[Array, Variables]:
        own, inputs = part_of(variables, "network"), self.inputs(x, observed)
        outputs, changed = self.network.train(own, key, inputs, condition)
        return self.shaped(variables, x, outputs), join_changes({"network": changed})

    def shaped(self, variables: Variables, x: Array, outputs: Array) -> Array:
        expected = (len(x), x.shape[1] * self.conditional.size)
        if outputs.shape != expected:
            raise InputError(
                f"deep_nade: the network must return the shape {expected}, got "
                f"{outputs.shape}."
            )
        bias = variables["params"]["bias"].astype(jnp.float32)
        return outputs.reshape(*x.shape, -1) + bias[None]
