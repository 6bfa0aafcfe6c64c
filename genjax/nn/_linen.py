"""Flax Linen modules as networks: the only code that knows how they are put to train.

A module says by an argument of its call, or by a field, whether it is in training:
`train`, `training`, `is_training`, `deterministic`, `use_running_average` or
`update_stats`. What cannot be read from these names is refused.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from typing import Any, NamedTuple, cast

import jax
from flax import linen
from flax.errors import (
    InvalidRngError,
    ModifyScopeVariableError,
    ScopeParamNotFoundError,
    ScopeParamShapeError,
)

from genjax.base import Network
from genjax.errors import InputError
from genjax.nn._mode import FLAGS, both_modes, call_flags, mode_values
from genjax.typing import Input, Key, Output, Tree, Variables
from genjax.variables import changed_collections

BY_POSITION = (
    "A flag that goes through linen.remat or linen.jit is handed over by position, "
    "inside a module around it, with its place named: "
    "linen.remat(Block, static_argnums=(2,))()(x, train)."
)
LET_IT_BE_TOLD = (
    "Let its call take train: bool = False, and pass use_running_average=not train, or "
    "deterministic=not train, on."
)


def from_linen(
    module: linen.Module,
    *,
    train: Mapping[str, Any] | None = None,
    evaluate: Mapping[str, Any] | None = None,
) -> Network:
    """A Flax Linen module as a network.

    Evaluation changes nothing and draws nothing. The pass of a training step draws by
    its key whatever the module asks for (dropout, say), and returns the collections
    that it has changed (batch statistics, say).

    Args:
        module: any Linen module.
        train: the keyword arguments of its call in training, where they cannot be read
            from its signature.
        evaluate: those in evaluation.

    Raises:
        InputError: how the module trains cannot be told from its call's signature, or
            it draws random numbers in evaluation; the sentence says what to write.

    >>> import flax.linen as linen
    >>> import jax
    >>> from genjax.nn import from_linen
    >>> import jax.numpy as jnp
    >>> network = from_linen(linen.BatchNorm())
    >>> x = jnp.array([[1.0], [3.0]])
    >>> variables = network.init(jax.random.key(0), x)
    >>> y, changed = network.train(variables, jax.random.key(1), x)
    >>> y.round(3).tolist(), sorted(changed)
    ([[-1.0], [1.0]], ['batch_stats'])
    """
    name = type(module).__name__
    if train is None and evaluate is None:
        training, train = _in_mode(module, training=True)
        evaluating, evaluate = _in_mode(module, training=False)
        is_told = evaluating is not module or bool(evaluate)
    else:
        training = evaluating = module
        train, evaluate, is_told = train or {}, evaluate or {}, True

    def init(key: Key, /, *inputs: Input) -> Variables:
        in_evaluation: dict[tuple[str, str], Mode] = {}
        with linen.intercept_methods(_recorded(in_evaluation)):
            variables = _explained(
                name, inputs, lambda: evaluating.init(key, *inputs, **evaluate)
            )
        in_training: dict[tuple[str, str], Mode] = {}
        if in_evaluation:
            with linen.intercept_methods(_recorded(in_training)):
                jax.eval_shape(train_pass, variables, key, *inputs)
        for place, mode in in_evaluation.items():
            is_frozen = is_told and not mode.is_default
            if not is_frozen and in_training.get(place) == mode:
                raise InputError(
                    f"{name}: {mode.name!r} of the layer {mode.layer} in it does not "
                    f"follow whether it is in training. {LET_IT_BE_TOLD} What is meant "
                    "to be frozen is so by from_linen(module, train={}, evaluate={})."
                )
        return variables

    def apply(variables: Variables, /, *inputs: Input) -> Output:
        return _explained(
            name,
            inputs,
            lambda: evaluating.apply(cast(Tree, variables), *inputs, **evaluate),
        )

    def train_pass(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        # Linen draws what has no stream of its own from that of the parameters; some
        # modules drop where there is a stream of that name.
        streams = {"params": key, "dropout": jax.random.fold_in(key, 1)}
        others = [collection for collection in variables if collection != "params"]
        outputs, after = _explained(
            name,
            inputs,
            lambda: training.apply(
                cast(Tree, variables), *inputs, **train, mutable=others, rngs=streams
            ),
        )
        changed = changed_collections(variables, after)
        for collection, own in changed.items():
            if jax.tree.structure(own) != jax.tree.structure(variables[collection]):
                raise InputError(
                    f"{name}: its collection {collection!r} grows at every pass; give "
                    "`sow` a reduce_fn and an init_fn that keep its structure."
                )
        return outputs, changed

    return Network(init, apply, train_pass)


def in_mode(module: linen.Module, *, train: bool) -> dict[str, Any]:
    """Returns the arguments that put the call of a module to train, or to evaluate.

    For modules that hold others: `self.network(x, **in_mode(self.network,
    train=train))`.

    Args:
        module: the module that is called.
        train: whether the outer one is in training.

    Raises:
        InputError: its signature does not say.

    >>> import flax.linen as linen
    >>> from genjax.nn import in_mode
    >>> in_mode(linen.Dropout(0.5), train=True)
    {'deterministic': False}
    """
    fields = _mode_fields(module)
    if fields:
        raise InputError(
            f"{type(module).__name__}: its field {fields[0]!r} says whether it is in "
            "training, which a module that holds it cannot change: make it an "
            "argument of the call."
        )
    return mode_values(_flags_of(module), training=train)


def _fields_of(module: linen.Module) -> list[str]:
    """The fields that say whether a module is in training."""
    fields = {field.name: getattr(module, field.name) for field in fields_of(module)}
    return [n for n in FLAGS if n in fields and isinstance(fields[n], bool | None)]


def _mode_fields(module: linen.Module) -> list[str]:
    """Those of them that no argument of the call stands beside."""
    arguments = inspect.signature(type(module).__call__).parameters
    return [name for name in _fields_of(module) if name not in arguments]


def _in_mode(
    module: linen.Module, *, training: bool
) -> tuple[linen.Module, dict[str, Any]]:
    """The module with its fields, and the arguments of its call, of a mode."""
    fields: dict[str, Any] = mode_values(_fields_of(module), training=training)
    flags = [name for name in _flags_of(module) if name not in fields]
    arguments = mode_values(flags, training=training)
    return module.clone(**fields) if fields else module, arguments


def _flags_of(module: linen.Module) -> list[str]:
    name = type(module).__name__
    if type(module) is linen.Sequential:
        inner = [m for m in module.layers if isinstance(m, linen.Module)]
        if any(_flags_of(layer) or _mode_fields(layer) for layer in inner):
            raise InputError(
                f"{name}: it does not tell its layers whether they are in training; "
                "write a module whose call takes train: bool = False and passes it on."
            )
        return []
    if isinstance(module, linen.WeightNorm):  # passes every argument on
        return _flags_of(module.layer_instance)
    call = type(module).__call__
    return call_flags(call, name=name, remedy=both_modes("from_linen"))


class Mode(NamedTuple):
    """What a layer was told in a pass, by an argument or a field of its own."""

    layer: str
    name: str
    value: bool
    is_default: bool


def _recorded(modes: dict[tuple[str, str], Mode]) -> linen.module.Interceptor:
    """Notes what the layers inside a module are told."""

    def intercept(
        call: Callable[..., Output],
        args: tuple[Input, ...],
        kwargs: dict[str, Input],
        context: linen.module.InterceptorContext,
    ) -> Output:
        layer = context.module
        if layer.path and context.method_name == "__call__":
            signature = inspect.signature(type(layer).__call__)
            given = signature.bind_partial(layer, *args, **kwargs).arguments
            for name in FLAGS:
                parameter = signature.parameters.get(name)
                default = None if parameter is None else parameter.default
                told = given.get(name, getattr(layer, name, None))
                value = default if told is None else told
                # What a module says to its layers is seen at the layers of Flax.
                is_seen = told is None or type(layer).__module__.startswith("flax.")
                if isinstance(value, bool) and is_seen:
                    modes["/".join(layer.path), name] = Mode(
                        type(layer).__name__, name, value, told is None
                    )
        return call(*args, **kwargs)

    return intercept


def _explained(name: str, inputs: tuple[Input, ...], call: Callable[[], Any]) -> Any:
    """Calls, and says in a sentence what Flax's own errors mean here."""
    try:
        return call()
    except jax.errors.TracerBoolConversionError as error:
        raise InputError(
            f"{name}: it branches in Python on a traced value. {BY_POSITION}"
        ) from error
    except TypeError as error:
        if "keyword argument" not in str(error):
            raise
        raise InputError(
            f"{name}: its call does not take the arguments of from_linen: {error}."
        ) from error
    except ModifyScopeVariableError as error:
        raise InputError(
            f"{name}: it changes its statistics in evaluation. {LET_IT_BE_TOLD}"
        ) from error
    except ValueError as error:
        if "static_argnums" in str(error):
            raise InputError(f"{name}: {error}. {BY_POSITION}") from error
        if "must be passed" not in str(error) or isinstance(error, InputError):
            raise
        raise InputError(
            f"{name}: a layer in it is not told whether it is in training. "
            f"{LET_IT_BE_TOLD}"
        ) from error
    except InvalidRngError as error:
        raise InputError(
            f"{name}: it draws random numbers in evaluation. Let its call take "
            "deterministic or train, and draw in training alone."
        ) from error
    except (ScopeParamNotFoundError, ScopeParamShapeError) as error:
        shapes = [getattr(x, "shape", type(x).__name__) for x in inputs]
        raise InputError(
            f"{name}: the network was initialised on inputs of other shapes than "
            f"{shapes}: an input (a condition, say) is missing, added or of another "
            "width."
        ) from error
