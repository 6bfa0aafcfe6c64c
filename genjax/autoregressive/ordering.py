"""Other orders than the natural one, and mixtures over orders."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density, Objective
from genjax.checks import check_order, check_prefix
from genjax.errors import InputError
from genjax.typing import (
    Array,
    Batch,
    Condition,
    Event,
    Key,
    Params,
    PerExample,
    Variables,
)

Order = Sequence[int] | np.ndarray | Array
Orders = Sequence[Sequence[int]] | np.ndarray


def random_orders(key: Key, *, dim: int, n: int) -> np.ndarray:
    """Draws `n` orders of `dim` dimensions, `[n, dim]`.

    >>> random_orders(jax.random.key(0), dim=3, n=2).shape
    (2, 3)
    """
    keys = jax.random.split(key, n)
    return np.asarray(jax.vmap(lambda key: jax.random.permutation(key, dim))(keys))


def ordered(model: Density, order: Order) -> Density:
    """A model of vectors that takes the dimensions in another order.

        p(x) = p_model(x_(order_1), x_(order_2), ...)

    Args:
        model: a density over `[b, D]`.
        order: the dimension that comes first, the second one, ...

    Returns:
        A density with the parameters of the model. `complete` takes a mask of the first
        dimensions of the order.

    Raises:
        InputError: `order` is no permutation, or not one of that many dimensions.

    >>> from genjax.autoregressive import fvsbn
    >>> model, x = ordered(fvsbn(), (2, 0, 1)), jnp.eye(3)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """
    forth = check_order("ordered", order)
    back = np.argsort(forth)

    def turned(x: Array, places: np.ndarray) -> Array:
        if x.shape[-1] != len(places):
            raise InputError(
                f"ordered: the order has {len(places)} entries, but examples have the "
                f"shape {x.shape[1:]}."
            )
        return jnp.take(x, places, axis=-1)

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        return model.init(key, turned(x, forth), condition)

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        return model.log_prob(params, turned(x, forth), condition)

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        x, log_prob = model.sample(params, key, n, condition)
        return turned(x, back), log_prob

    def complete(
        params: Params, key: Key, x: Event, observed: Any, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        mask = check_prefix("ordered", observed, forth)[forth]
        x, log_prob = model.complete(params, key, turned(x, forth), mask, condition)
        return turned(x, back), log_prob

    return Density(init, log_prob, sample, complete)


def order_ensemble(model: Density, orders: Orders) -> Density:
    """The equal mixture of models of several orders, each with parameters of its own.

        p(x) = 1/K sum_k p_k(x),   log p = logsumexp_k log p_k - log K

    Averages of logits are no likelihood; this is one.

    Args:
        model: a density over `[b, D]`.
        orders: K of them.

    Returns:
        A density whose parameters are a tuple, one entry an order. `complete` weighs
        the members by what they make of the observed part, which is exact; the mask
        must be a prefix of every order.

    Raises:
        InputError: there is no order, or one is no permutation.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757.

    >>> from genjax.autoregressive import fvsbn
    >>> both, x = order_ensemble(fvsbn(), [(0, 1, 2), (2, 1, 0)]), jnp.eye(3)
    >>> both.log_prob(both.init(jax.random.key(0), x), x).shape
    (3,)
    """
    if len(orders) == 0:
        raise InputError("order_ensemble: give at least one order.")
    members = [ordered(model, order) for order in orders]

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        keys = jax.random.split(key, len(members))
        return tuple(
            member.init(key, x, condition)
            for member, key in zip(members, keys, strict=True)
        )

    def each(params: Params, x: Event, condition: Condition) -> Array:
        pairs = zip(members, params, strict=True)
        return jnp.stack([m.log_prob(p, x, condition) for m, p in pairs])

    return mixture(members, init, lambda params: params, each)


def shared_ensemble(make: Callable[[Any], Density], settings: Any) -> Density:
    """The equal mixture of densities that one set of parameters fits.

    The orders of an orderless model (EoNADE), or the masks of a MADE. Likelihoods are
    one program for all members; samples and completions are a program a member.

    Args:
        make: from one setting to a density: `partial(deep_nade, network)` of an order,
            or `made` of the degrees of its units.
        settings: K of them, stacked: `random_orders(...)`, `nn.sampled_degrees(...)`.

    Returns:
        A density with the parameters of one member. `complete` takes a mask that is a
        prefix of the order of every member.

    Raises:
        InputError: there is no setting.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757; Germain, Gregor, Murray
    and Larochelle, 2015, arXiv:1502.03509.

    >>> from functools import partial
    >>> from genjax import nn
    >>> from genjax.autoregressive import deep_nade
    >>> x, orders = jnp.eye(3), random_orders(jax.random.key(0), dim=3, n=4)
    >>> make = partial(deep_nade, nn.MLP(features=3, hidden=(8,)))
    >>> model = shared_ensemble(make, orders)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """
    count = _count("shared_ensemble", settings)
    members = [make(_setting(settings, k)) for k in range(count)]

    def each(params: Params, x: Event, condition: Condition) -> Array:
        def of_member(setting: Any) -> PerExample:
            return make(setting).log_prob(params, x, condition)

        return jax.lax.map(of_member, settings)

    return mixture(members, members[0].init, lambda params: [params] * count, each)


def member_likelihood(make: Callable[[Any], Density], settings: Any) -> Objective:
    """Trains the parameters of a `shared_ensemble`: each step draws one member.

        loss = -mean log p_k(x),   k uniform

    Args:
        make: as `shared_ensemble` takes it.
        settings: K of them, stacked.

    Returns:
        An objective over batches `{"x": ...}`, with `"condition"` where the members
        take one. For a MADE it is mask sampling.

    Raises:
        InputError: there is no setting.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> from genjax import nn
    >>> from genjax.autoregressive import made
    >>> degrees = nn.sampled_degrees(range(4), dim=3, hidden=(16,))
    >>> make = lambda degrees: made(hidden=(16,), degrees=degrees)
    >>> objective = member_likelihood(make, degrees)
    >>> batch = {"x": jnp.eye(3)}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    count = _count("member_likelihood", settings)
    first = make(_setting(settings, 0))

    def init(key: Key, batch: Batch) -> Variables:
        return {"params": first.init(key, batch["x"], batch.get("condition"))}

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        k = jax.random.randint(key, (), 0, count)
        member = make(jax.tree.map(lambda leaf: jnp.take(leaf, k, axis=0), settings))
        log_prob = member.log_prob(
            variables["params"], batch["x"], batch.get("condition")
        )
        value = -jnp.mean(log_prob)
        return value, ({}, {"loss": value, "nll": value})

    return Objective(init, loss)


def mixture(
    members: Sequence[Density],
    init: Callable[..., Params],
    params_of: Callable[[Params], Sequence[Params]],
    each: Callable[[Params, Event, Condition], Array],
) -> Density:
    """The equal mixture of densities over the same events.

        log p(x) = logsumexp_k log p_k(x) - log K

    Args:
        members: K densities.
        init: of the whole.
        params_of: from the parameters of the whole to those of each member.
        each: `(params, x, condition) -> log p_k(x)`, `[K, b]`.
    """
    log_k = jnp.log(float(len(members)))

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        return jax.nn.logsumexp(each(params, x, condition), axis=0) - log_k

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        key_member, *keys = jax.random.split(key, len(members) + 1)
        triples = zip(members, params_of(params), keys, strict=True)
        draws = jnp.stack([m.sample(p, k, n, condition)[0] for m, p, k in triples])
        chosen = jax.random.randint(key_member, (n,), 0, len(members))
        x = draws[chosen, jnp.arange(n)]
        return x, log_prob(params, x, condition)

    def complete(
        params: Params, key: Key, x: Event, observed: Any, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        key_member, *keys = jax.random.split(key, len(members) + 1)
        draws, log_seen = [], []
        for member, p, k in zip(members, params_of(params), keys, strict=True):
            drawn, conditional = member.complete(p, k, x, observed, condition)
            draws.append(drawn)
            log_seen.append(member.log_prob(p, drawn, condition) - conditional)
        evidence = jnp.stack(log_seen)
        chosen = jax.random.categorical(key_member, evidence, axis=0)
        completed = jnp.stack(draws)[chosen, jnp.arange(len(x))]
        joint = jax.nn.logsumexp(each(params, completed, condition), axis=0)
        return completed, joint - jax.nn.logsumexp(evidence, axis=0)

    return Density(init, log_prob, sample, complete)


def _count(user: str, settings: Any) -> int:
    counts = {len(leaf) for leaf in jax.tree.leaves(settings)}
    if len(counts) != 1 or 0 in counts:
        raise InputError(
            f"{user}: the settings must be stacked arrays of as many entries, at least "
            f"one, got the lengths {sorted(counts)}."
        )
    return counts.pop()


def _setting(settings: Any, k: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[k], settings)
