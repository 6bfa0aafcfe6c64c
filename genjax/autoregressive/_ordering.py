"""Other orders than the natural one, and mixtures over orders."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density, Init, Objective
from genjax.checks import check_is, check_order, check_prefix
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError
from genjax.typing import (
    Array,
    Batch,
    Condition,
    Event,
    Key,
    Mask,
    Order,
    Outcome,
    PerExample,
    Tree,
    Variables,
)
from genjax.variables import join_sequence, parts_of

Orders = Sequence[Sequence[int]] | np.ndarray


def random_orders(key: Key, *, dim: int, n: int) -> np.ndarray:
    """Draws `n` orders of `dim` dimensions, `[n, dim]`.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757.

    >>> import jax
    >>> from genjax.autoregressive import random_orders
    >>> random_orders(jax.random.key(0), dim=3, n=2).shape
    (2, 3)
    """
    keys = jax.random.split(key, n)
    return np.asarray(jax.vmap(lambda key: jax.random.permutation(key, dim))(keys))


def ordered(density: Density, order: Order) -> Density:
    """A model of vectors that takes the dimensions in another order.

        p(x) = p_density(x_(order_1), x_(order_2), ...)

    Args:
        density: over `[b, D]`.
        order: the dimension that comes first, the second one, ...

    Returns:
        A density with the variables of that one. `complete` takes a mask of the first
        dimensions of the order.

    Raises:
        InputError: `order` is no permutation, or not one of that many dimensions.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import fvsbn, ordered
    >>> model, x = ordered(fvsbn(), (2, 0, 1)), jnp.eye(3)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """
    check_is("ordered", Density, density=density)
    dims = check_order("ordered", order)
    places = np.argsort(dims)

    def reordered(x: Array, order: np.ndarray) -> Array:
        if x.shape[-1] != len(order):
            raise InputError(
                f"ordered: the order has {len(order)} entries, but examples have the "
                f"shape {x.shape[1:]}."
            )
        return jnp.take(x, order, axis=-1)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        return density.init(key, reordered(x, dims), condition)

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        return density.log_prob(variables, reordered(x, dims), condition)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        x, log_prob = density.sample(variables, key, n, condition)
        return reordered(x, places), log_prob

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, PerExample]:
        assert density.complete is not None
        mask = check_prefix("ordered", observed, dims)[dims]
        x, log_prob = density.complete(
            variables, key, reordered(x, dims), mask, condition
        )
        return reordered(x, places), log_prob

    is_complete = density.complete is not None
    return Density(init, log_prob, sample, complete if is_complete else None)


def order_ensemble(density: Density, orders: Orders) -> Density:
    """The equal mixture of models of several orders, each with variables of its own.

        p(x) = 1/K sum_k p_k(x),   log p = logsumexp_k log p_k - log K

    Averages of logits are no likelihood; this is one.

    Args:
        density: over `[b, D]`.
        orders: K of them.

    Returns:
        A density whose variables are those of each order, by their places. `complete`
        weighs the members by what they make of the observed part, which is exact; the
        mask must be a prefix of every order.

    Raises:
        InputError: there is no order, or one is no permutation.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import fvsbn, order_ensemble
    >>> both, x = order_ensemble(fvsbn(), [(0, 1, 2), (2, 1, 0)]), jnp.eye(3)
    >>> both.log_prob(both.init(jax.random.key(0), x), x).shape
    (3,)
    """
    check_is("order_ensemble", Density, density=density)
    if len(orders) == 0:
        raise InputError("order_ensemble: give at least one order.")
    members = [ordered(density, order) for order in orders]

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        keys = jax.random.split(key, len(members))
        return join_sequence(
            [
                member.init(key, x, condition)
                for member, key in zip(members, keys, strict=True)
            ]
        )

    def of_members(variables: Variables) -> list[Variables]:
        return parts_of(variables, len(members))

    def each(variables: Variables, x: Event, condition: Condition) -> Array:
        pairs = zip(members, of_members(variables), strict=True)
        return jnp.stack([m.log_prob(own, x, condition) for m, own in pairs])

    return mixture(members, init, of_members, each)


def shared_ensemble(make: Callable[[Tree], Density], settings: Tree) -> Density:
    """The equal mixture of densities that one set of variables fits.

    The orders of an orderless model (EoNADE), or the masks of a MADE. Likelihoods are
    one program for all members; samples and completions are one for each member.

    Args:
        make: from one setting to a density: `partial(deep_nade, network)` of an order,
            or `made` of the degrees of its units.
        settings: K of them, stacked: `random_orders(...)`, `nn.sampled_degrees(...)`.

    Returns:
        A density with the variables of one member. `complete` takes a mask that is a
        prefix of the order of every member.

    Raises:
        InputError: there is no setting.

    Source: Uria, Murray and Larochelle, 2014, arXiv:1310.1757; Germain, Gregor, Murray
    and Larochelle, 2015, arXiv:1502.03509.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from functools import partial
    >>> from genjax import nn
    >>> from genjax.autoregressive import deep_nade, random_orders, shared_ensemble
    >>> x, orders = jnp.eye(3), random_orders(jax.random.key(0), dim=3, n=4)
    >>> make = partial(deep_nade, nn.MLP(features=3, hidden=(8,)))
    >>> model = shared_ensemble(make, orders)
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (3,)
    """
    count = _count("shared_ensemble", settings)
    members = [make(_setting(settings, k)) for k in range(count)]

    def each(variables: Variables, x: Event, condition: Condition) -> Array:
        def of_member(setting: Tree) -> PerExample:
            return make(setting).log_prob(variables, x, condition)

        return jax.lax.map(of_member, settings)

    return mixture(
        members, members[0].init, lambda variables: [variables] * count, each
    )


def member_likelihood(make: Callable[[Tree], Density], settings: Tree) -> Objective:
    """Trains a `shared_ensemble`: each step draws one member.

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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.autoregressive import made, member_likelihood
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

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_member, key_loss = jax.random.split(key)
        k = jax.random.randint(key_member, (), 0, count)
        member = make(jax.tree.map(lambda leaf: jnp.take(leaf, k, axis=0), settings))
        return negative_log_likelihood(member).loss(variables, batch, key_loss)

    return Objective(negative_log_likelihood(first).init, loss)


def mixture(
    members: Sequence[Density],
    init: Init,
    of_members: Callable[[Variables], Sequence[Variables]],
    each: Callable[[Variables, Event, Condition], Array],
) -> Density:
    """The equal mixture of densities over the same events.

        log p(x) = logsumexp_k log p_k(x) - log K

    Args:
        members: K densities.
        init: of the whole.
        of_members: from the variables of the whole to those of each member.
        each: `(variables, x, condition) -> log p_k(x)`, `[K, b]`.
    """
    log_k = jnp.log(float(len(members)))

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        return jax.nn.logsumexp(each(variables, x, condition), axis=0) - log_k

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        key_member, *keys = jax.random.split(key, len(members) + 1)
        triples = zip(members, of_members(variables), keys, strict=True)
        draws = jnp.stack([m.sample(own, k, n, condition)[0] for m, own, k in triples])
        chosen = jax.random.randint(key_member, (n,), 0, len(members))
        x = draws[chosen, jnp.arange(n)]
        return x, log_prob(variables, x, condition)

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, PerExample]:
        key_member, *keys = jax.random.split(key, len(members) + 1)
        draws, log_seen = [], []
        for member, own, k in zip(members, of_members(variables), keys, strict=True):
            assert member.complete is not None
            drawn, conditional = member.complete(own, k, x, observed, condition)
            draws.append(drawn)
            log_seen.append(member.log_prob(own, drawn, condition) - conditional)
        evidence = jnp.stack(log_seen)
        chosen = jax.random.categorical(key_member, evidence, axis=0)
        completed = jnp.stack(draws)[chosen, jnp.arange(len(x))]
        joint = jax.nn.logsumexp(each(variables, completed, condition), axis=0)
        return completed, joint - jax.nn.logsumexp(evidence, axis=0)

    is_complete = all(member.complete is not None for member in members)
    return Density(init, log_prob, sample, complete if is_complete else None)


def _count(user: str, settings: Tree) -> int:
    counts = {len(leaf) for leaf in jax.tree.leaves(settings)}
    if len(counts) != 1 or 0 in counts:
        raise InputError(
            f"{user}: the settings must be stacked arrays of as many entries, at least "
            f"one, got the lengths {sorted(counts)}."
        )
    return counts.pop()


def _setting(settings: Tree, k: int) -> Tree:
    return jax.tree.map(lambda leaf: leaf[k], settings)
