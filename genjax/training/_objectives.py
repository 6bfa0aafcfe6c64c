"""Objectives made of objectives."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from genjax.base import Objective
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.steps import microbatches
from genjax.typing import Array, Batch, Key, Metrics, Outcome, Scalar, Variables
from genjax.variables import updated


def with_preprocessing(
    objective: Objective, preprocess: Callable[[Key, Batch], Batch]
) -> Objective:
    """Prepares every batch, with randomness of its own, before the objective sees it.

        loss'(batch, key) = loss(preprocess(key_1, batch), key_2)

    Args:
        objective: what to minimise.
        preprocess: pure `(key, batch) -> batch`: dequantisation, augmentation, casts.

    Returns:
        An objective over raw batches.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.training import with_preprocessing
    >>> from genjax.densities import negative_log_likelihood, standard_normal
    >>> halved = with_preprocessing(
    ...     negative_log_likelihood(standard_normal((1,))),
    ...     lambda key, batch: {"x": batch["x"] / 2},
    ... )
    >>> batch = {"x": jnp.full((1, 1), 2.0)}
    >>> round(float(halved.loss({"params": {}}, batch, jax.random.key(0))[0]), 4)
    1.4189
    """
    check_is("with_preprocessing", Objective, objective=objective)

    def init(key: Key, batch: Batch, /) -> Variables:
        key_batch, key_init = jax.random.split(key)
        return objective.init(key_init, preprocess(key_batch, batch))

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_batch, key_loss = jax.random.split(key)
        return objective.loss(variables, preprocess(key_batch, batch), key_loss)

    return Objective(init, loss)


def weighted_sum(
    objectives: Mapping[str, Objective], *, weights: Mapping[str, float] | None = None
) -> Objective:
    """Minimises several objectives of one model at once.

        loss = sum_i w_i loss_i

    Args:
        objectives: by name, all of the same parameters and batches; of what several
            would make in `init`, that of the first stays.
        weights: w by name; 1 of those that are not named.

    Returns:
        An objective of the same batches. Its metrics are `loss`, the loss of each under
        its name, and what else each reports.

    Raises:
        InputError: there is no objective, one is named `loss`, or there is a weight of
            one that is not there.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import negative_log_likelihood, standard_normal
    >>> from genjax.training import weighted_sum
    >>> likelihood = negative_log_likelihood(standard_normal((1,)))
    >>> both = weighted_sum({"a": likelihood, "b": likelihood}, weights={"b": -1.0})
    >>> float(both.loss({"params": {}}, {"x": jnp.ones((1, 1))}, jax.random.key(0))[0])
    0.0
    """
    for given in (objectives, {} if weights is None else weights):
        if not isinstance(given, Mapping) or "loss" in given:
            raise InputError(
                "weighted_sum: objectives and weights must be mappings by names other "
                f"than 'loss', got {given!r}."
            )
    named = {} if weights is None else dict(weights)
    if not objectives or not {*named} <= {*objectives}:
        raise InputError(
            "weighted_sum: weights must be of the objectives, of which there must be "
            f"one, got weights of {sorted(named)} and objectives {sorted(objectives)}."
        )
    for name, objective in objectives.items():
        check_is("weighted_sum", Objective, **{name: objective})

    def init(key: Key, batch: Batch, /) -> Variables:
        variables: Variables = {}
        for own in objectives.values():
            variables = {**own.init(key, batch), **variables}
        return variables

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        keys = jax.random.split(key, len(objectives))
        changed, metrics, value = {}, {}, jnp.zeros(())
        for (name, own), part in zip(objectives.items(), keys, strict=True):
            # A step is counted once, and is the same for all.
            counted = {k: v for k, v in variables.items() if k == "counter"}
            seen = {**updated(variables, changed), **counted}
            found, (more, shown) = own.loss(seen, batch, part)
            changed = updated(changed, more)
            metrics |= {**shown, name: found}
            value = value + named.get(name, 1.0) * found
        return value, (changed, {**metrics, "loss": value})

    return Objective(init, loss)


def stochastic(make: Callable[[Key], Objective]) -> Objective:
    """An objective with a part that is random: a key for each step.

        loss(batch, key) = make(key_1).loss(batch, key_2)

    Densities and bijectors are pure functions, so what is random in training them is
    closed over: dropout (`nn.noisy`), the probes of a divergence, the terms of a
    Russian roulette, a dequantizer. With a key that stays the same, training would
    learn its draws by heart.

    Args:
        make: from a key to an objective, all with the same variables.

    Returns:
        An objective over the batches of those that are made.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.training import stochastic
    >>> from genjax import nn
    >>> from genjax.base import Network
    >>> from genjax.densities import conditional_normal, negative_log_likelihood
    >>> dropout = Network(
    ...     lambda key, x: {"params": {}},
    ...     lambda variables, x: x,
    ...     lambda variables, key, x: (
    ...         jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x, 0.0),
    ...         {},
    ...     ),
    ... )
    >>> def make(key):
    ...     dropped = nn.noisy(dropout, key)
    ...     return negative_log_likelihood(conditional_normal(dropped, scale=1.0))
    >>> batch = {"x": jnp.zeros((4, 8)), "condition": jnp.ones((4, 8))}
    >>> objective = stochastic(make)
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> keys = jax.random.key(1), jax.random.key(2)
    >>> first, second = (objective.loss(variables, batch, key)[0] for key in keys)
    >>> bool(first != second)
    True
    """

    def init(key: Key, batch: Batch, /) -> Variables:
        key_make, key_init = jax.random.split(key)
        return make(key_make).init(key_init, batch)

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        key_make, key_loss = jax.random.split(key)
        return make(key_make).loss(variables, batch, key_loss)

    return Objective(init, loss)


def scheduled(make: Callable[[Array], Objective]) -> Objective:
    """An objective with a setting that depends on the step: a weight, a temperature.

        loss at step t = make(t).loss

    The step is counted in the collection `"counter"`, so that it scans, resumes and is
    averaged over devices like everything else that a model holds.

    Args:
        make: from the step, a traced integer from 0, to an objective, all with the same
            variables.

    Returns:
        An objective over the batches of those that are made.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.training import scheduled, with_preprocessing
    >>> from genjax.densities import negative_log_likelihood, standard_normal, tempered
    >>> objective = scheduled(lambda step: with_preprocessing(
    ...     negative_log_likelihood(standard_normal((1,))),
    ...     lambda key, batch: {"x": step.astype("float32") * batch["x"]},
    ... ))
    >>> batch, key = {"x": jnp.ones((1, 1))}, jax.random.key(0)
    >>> variables = objective.init(key, batch)
    >>> first, (changed, _) = objective.loss(variables, batch, key)
    >>> second, _ = objective.loss({**variables, **changed}, batch, key)
    >>> round(float(second - first), 4)
    0.5
    """

    def split(variables: Variables) -> tuple[Array, Variables]:
        counter = variables["counter"]
        others = {k: v for k, v in variables.items() if k != "counter"}
        if "inner" in counter:
            others["counter"] = counter["inner"]
        return counter["step"], others

    def joined(step: Array, own: Variables) -> Variables:
        others = {k: v for k, v in own.items() if k != "counter"}
        inner = {"inner": own["counter"]} if "counter" in own else {}
        return {**others, "counter": {"step": step, **inner}}

    def init(key: Key, batch: Batch, /) -> Variables:
        start = jnp.zeros((), jnp.int32)
        return joined(start, make(start).init(key, batch))

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        step, own = split(variables)
        value, (changed, metrics) = make(step).loss(own, batch, key)
        return value, (joined(step + 1, changed), metrics)

    return Objective(init, loss)


def accumulate(objective: Objective, n: int) -> Objective:
    """Evaluates an objective over `n` equal microbatches, one after another.

        loss'(batch) = 1/n sum_i loss(microbatch_i)

    Memory is that of one microbatch: each is recomputed in the backward pass, which
    costs one more forward pass. Equal to the whole batch wherever the loss is a mean
    over examples. Changed collections go from one microbatch to the next.

    Batches are pytrees `[b, ...]`.

    Args:
        objective: what to minimise.
        n: how many microbatches; it must divide the batch.

    Raises:
        InputError: `n` does not divide the batch.

    Source: Chen, Xu, Zhang and Guestrin, 2016, arXiv:1604.06174 (recomputation).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.training import accumulate
    >>> from genjax.densities import negative_log_likelihood, standard_normal
    >>> objective = accumulate(negative_log_likelihood(standard_normal((1,))), 2)
    >>> batch = {"x": jnp.zeros((4, 1))}
    >>> loss, _ = objective.loss({"params": {}}, batch, jax.random.key(0))
    >>> round(float(loss), 4)
    0.9189
    """
    check_is("accumulate", Objective, objective=objective)

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        parts = microbatches(batch, n, user="accumulate")
        keys = jax.random.split(key, n)

        def evaluate(
            collections: Variables, microbatch: Batch, key: Key
        ) -> tuple[Variables, tuple[Scalar, Metrics]]:
            # A step is counted once, and is the same for every microbatch.
            counted = {k: v for k, v in variables.items() if k == "counter"}
            current = {**variables, **collections, **counted}
            value, (changed, metrics) = objective.loss(current, microbatch, key)
            after = updated(current, changed)
            names = {*collections, *changed}
            return {name: after[name] for name in sorted(names)}, (value, metrics)

        first = jax.tree.map(lambda leaf: leaf[0], parts)
        changed = jax.eval_shape(evaluate, {}, first, keys[0])[0]
        start = {name: variables[name] for name in changed}
        body = jax.checkpoint(lambda carry, item: evaluate(carry, *item))
        new, (values, metrics) = jax.lax.scan(body, start, (parts, keys))
        mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), (values, metrics))
        return mean[0], (new, mean[1])

    return Objective(objective.init, loss)
