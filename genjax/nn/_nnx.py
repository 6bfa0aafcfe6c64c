"""Flax NNX models as networks: the only code that knows their states."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx

from genjax.base import Network
from genjax.errors import InputError
from genjax.nn._mode import both_modes, call_flags, mode_values
from genjax.typing import Array, Input, Key, Output, Tree, Variables
from genjax.variables import changed_collections


def from_nnx(
    make: Callable[[nnx.Rngs], nnx.Module],
    *,
    train: Mapping[str, Any] | None = None,
    evaluate: Mapping[str, Any] | None = None,
) -> Network:
    """An NNX model as a network, from its constructor.

    Its variables are collections by the types of their leaves, `nnx.Param` under
    `"params"`, `nnx.BatchStat` under `"batch_stats"`, each a dict from paths such as
    `"layers/0/kernel"` to arrays. Evaluation is what `model.eval()` does, the pass of a
    training step what `model.train()` does, with random numbers by the step's key.

    Args:
        make: from `nnx.Rngs` to a new model; every seed of an ensemble makes its own.
        train: the keyword arguments of its call in training, where they cannot be read
            from its signature.
        evaluate: those in evaluation.

    Raises:
        InputError: `make` is a model, not its constructor, or how the model trains
            cannot be told from its call's signature.

    >>> import flax.nnx as nnx
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import from_nnx
    >>> network = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    >>> x = jnp.ones((5, 3))
    >>> variables = network.init(jax.random.key(0), x)
    >>> network.apply(variables, x).shape, sorted(variables["params"])
    ((5, 2), ['bias', 'kernel'])
    """
    if isinstance(make, nnx.Module):
        raise InputError(constructor_wanted(make))

    def arguments(kind: type, *, training: bool) -> Mapping[str, Any]:
        if train is None and evaluate is None:
            if kind is nnx.Sequential:  # its layers are told by `train()` and `eval()`
                return {}
            flags = call_flags(
                kind.__call__, name=kind.__name__, remedy=both_modes("from_nnx")
            )
            return mode_values(flags, training=training)
        return (train if training else evaluate) or {}

    @cache
    def graph(*, training: bool) -> tuple[Any, Any]:
        """The definition of the model in a mode, and its states without values."""

        def build() -> nnx.Module:
            model = make(nnx.Rngs(0))
            model.train() if training else model.eval()
            return model

        return nnx.split(nnx.eval_shape(build))

    def run(
        variables: Variables, key: Key, inputs: tuple[Input, ...], *, training: bool
    ) -> tuple[Output, Variables]:
        definition, states = graph(training=training)
        model = nnx.merge(definition, _filled(states, variables, key))
        counts = _counts(model)
        outputs = model(*inputs, **arguments(type(model), training=training))
        after = _collections(nnx.state(model))
        if not training:
            _refuse_noise(model, counts, changed_collections(variables, after))
        return outputs, after

    def init(key: Key, /, *inputs: Input) -> Variables:
        del inputs
        return _collections(nnx.state(make(nnx.Rngs(key))))

    def apply(variables: Variables, /, *inputs: Input) -> Output:
        return run(variables, jax.random.key(0), inputs, training=False)[0]

    def train_pass(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        outputs, after = run(variables, key, inputs, training=True)
        return outputs, changed_collections(variables, after)

    return Network(init, apply, train_pass)


def constructor_wanted(model: object) -> str:
    """Says how to hand over an NNX model."""
    name = type(model).__name__
    return (
        f"{name}: an NNX model holds the values of one seed; hand over its "
        f"constructor: nn.from_nnx(lambda rngs: {name}(..., rngs=rngs))."
    )


def _refuse_noise(model: nnx.Module, counts: list[Array], changed: Variables) -> None:
    """Refuses an evaluation that draws, or changes a collection."""
    pairs = zip(counts, _counts(model), strict=True)
    does = [f"changes {sorted(changed)}"] if changed else []
    does += ["draws random numbers"] if any(a is not b for a, b in pairs) else []
    if does:
        raise InputError(
            f"{type(model).__name__}: it {' and '.join(does)} in evaluation; let "
            "`model.eval()` keep it from that, or give from_nnx train and "
            "evaluate, the arguments of its call in both modes."
        )


def _counts(model: nnx.Module) -> list[Array]:
    """How often each stream of random numbers has been drawn from."""
    leaves = jax.tree.leaves(
        nnx.state(model, nnx.RngCount),
        is_leaf=lambda leaf: isinstance(leaf, nnx.RngCount),
    )
    return [leaf.get_value() for leaf in leaves]


def _collections(state: Any) -> Variables:
    found: dict[str, dict[str, Any]] = {"params": {}}
    for path, leaf in nnx.to_flat_state(state):
        if isinstance(leaf, nnx.RngState):
            continue
        if not isinstance(leaf, nnx.Variable):
            found.setdefault("constants", {})["/".join(map(str, path))] = leaf
            continue
        kind = type(leaf)
        name = (
            "params"
            if issubclass(kind, nnx.Param)
            else nnx.variable_name_from_type(kind, allow_register=True)
        )
        found.setdefault(name, {})["/".join(map(str, path))] = leaf.get_value()
    return found


def _filled(states: Any, variables: Variables, key: Key) -> Any:
    """The states with the values of the variables, and random states by the key."""
    leaves = {
        path: leaf
        for collection in variables.values()
        for path, leaf in cast(Tree, collection).items()
    }
    flat = []
    for i, (path, leaf) in enumerate(nnx.to_flat_state(states)):
        if isinstance(leaf, nnx.RngKey):
            value = jax.random.fold_in(key, i)
        elif isinstance(leaf, nnx.RngState):
            value = jnp.zeros(leaf.shape, leaf.dtype)
        else:
            value = leaves["/".join(map(str, path))]
        is_plain = not isinstance(leaf, nnx.Variable)
        flat.append((path, value if is_plain else leaf.replace(value)))
    return nnx.from_flat_state(flat)
