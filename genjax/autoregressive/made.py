"""The masked autoencoder for distribution estimation (MADE)."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.autoregressive.conditional import Conditional, binary
from genjax.autoregressive.engine import Step, Walk, autoregressive
from genjax.autoregressive.ordering import Order, Orders
from genjax.base import Density, Objective
from genjax.checks import check_order
from genjax.errors import InputError
from genjax.typing import Array, Batch, Condition, Key, Params, Variables


def made(
    *,
    hidden: Sequence[int],
    conditional: Conditional | None = None,
    order: Order | None = None,
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
        order: the dimension that comes first, the second one, ...; natural when None.
            The parameters fit every order and every seed.
        seed: of random degrees; evenly spread ones when None.
        activation: after each hidden layer.
        residual: whether hidden layers are added up (ResMADE).
        direct: whether inputs reach later outputs by a linear map as well.

    Returns:
        A density over `[b, D]`; see `autoregressive`. A condition is seen by every
        output.

    Raises:
        InputError: a width is not positive, residual layers differ in theirs, or the
            order is no permutation of the dimensions.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> model, x = made(hidden=(16,)), jnp.eye(4)
    >>> params = model.init(jax.random.key(0), x)
    >>> model.log_prob(params, x).shape
    (4,)
    """
    if min(hidden, default=1) < 1:
        raise InputError(f"made: widths must be at least 1, got {tuple(hidden)}.")
    conditional = binary() if conditional is None else conditional
    forth = None if order is None else check_order("made", order)
    module = nn.MaskedMLP(
        features=conditional.size,
        inputs=conditional.inputs,
        hidden=tuple(hidden),
        order=None if forth is None else tuple(np.argsort(forth).tolist()),
        seed=seed,
        activation=activation,
        residual=residual,
        direct=direct,
    )
    return autoregressive(_walk(module), conditional, forth)


def mask_sampling(
    *,
    hidden: Sequence[int],
    seeds: Sequence[int],
    orders: Orders | None = None,
    conditional: Conditional | None = None,
    activation: Callable[[Array], Array] = jax.nn.relu,
    direct: bool = False,
) -> Objective:
    """Trains the weights of a MADE for many masks, of which each step draws one.

        loss = -mean log p_k(x),   k uniform

    `shared_ensemble` of `made` with the same widths is the mixture of what it trains.

    Args:
        hidden: the widths of the hidden layers.
        seeds: of the random degrees of each set of masks.
        orders: of each set of masks; natural when None.
        conditional: what a dimension is drawn from; `binary()` when None.
        activation: after each hidden layer.
        direct: whether inputs reach later outputs by a linear map as well.

    Returns:
        An objective over batches `{"x": [b, D]}`, with `"condition"` where the model
        takes one; its parameters are those of `made`.

    Raises:
        InputError: there is no seed, there is not one order a seed, or an order is no
            permutation of the dimensions.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> objective = mask_sampling(hidden=(16,), seeds=range(4))
    >>> batch = {"x": jnp.eye(3)}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    if not seeds or (orders is not None and len(orders) != len(seeds)):
        found = "none" if orders is None else len(orders)
        raise InputError(
            "mask_sampling: give at least one seed and as many orders, got "
            f"{len(seeds)} seeds and {found} orders."
        )
    conditional = binary() if conditional is None else conditional
    module = nn.MaskedMLP(
        features=conditional.size,
        inputs=conditional.inputs,
        hidden=tuple(hidden),
        seed=seeds[0],
        activation=activation,
        direct=direct,
    )
    first = autoregressive(_walk(module), conditional)

    def degrees_of(dim: int) -> list[np.ndarray]:
        """The degrees of every set of masks, stacked, a layer an entry."""
        forth = [np.arange(dim)] * len(seeds) if orders is None else orders
        every = []
        for seed, order in zip(seeds, forth, strict=True):
            places = np.argsort(check_order("mask_sampling", order, dim=dim))
            every.append((places, *nn.hidden_degrees(places, hidden, seed=seed)))
        return [np.stack(layer) for layer in zip(*every, strict=True)]

    def init(key: Key, batch: Batch) -> Variables:
        return {"params": first.init(key, batch["x"], batch.get("condition"))}

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        x = batch["x"]
        k = jax.random.randint(key, (), 0, len(seeds))
        drawn = [jnp.take(layer, k, axis=0) for layer in degrees_of(x.shape[1])]
        model = autoregressive(_walk(module.clone(degrees=drawn)), conditional)
        log_prob = model.log_prob(variables["params"], x, batch.get("condition"))
        value = -jnp.mean(log_prob)
        return value, ({}, {"loss": value, "nll": value})

    return Objective(init, loss)


def _walk(module: nn.MaskedMLP) -> Walk:
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

    return Walk(init, outputs, start)
