"""How the call of a module says whether it is in training, whatever its library."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from genjax.errors import InputError

FLAGS: Mapping[str, bool] = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "update_stats": True,
}
"""Names of the arguments that say "in training", with their value in training."""

WORDS = {
    *("train", "training", "trained", "eval", "evaluate", "evaluation", "inference"),
    *("deterministic", "det", "mode", "phase", "test", "testing"),
}
"""Words in the name of an argument that may say the same."""


def mode_values(names: Iterable[str], *, training: bool) -> dict[str, bool]:
    """Returns the values that put arguments, or fields, into a mode.

    Args:
        names: some of `FLAGS`.
        training: whether the mode is that of training.

    >>> from genjax.nn._mode import mode_values
    >>> mode_values(["train", "deterministic"], training=True)
    {'train': True, 'deterministic': False}
    """
    return {name: FLAGS[name] == training for name in names}


def call_flags(call: Callable[..., Any], *, name: str, remedy: str) -> list[str]:
    """Returns the arguments of a call that say whether it is in training.

    Args:
        call: of a module.
        name: of the module, for the error's sentence.
        remedy: what to write where it cannot be told.

    Raises:
        InputError: an argument may say so by another name.

    >>> from genjax.nn._mode import call_flags
    >>> def call(x, *, train: bool = False): ...
    >>> call_flags(call, name="Module", remedy="")
    ['train']
    """
    parameters = inspect.signature(call).parameters.values()
    flags = [p.name for p in parameters if p.name in FLAGS]
    for parameter in parameters:
        if parameter.name in FLAGS:
            continue
        is_open = parameter.kind is inspect.Parameter.VAR_KEYWORD
        is_switch = isinstance(parameter.default, bool) or parameter.annotation in (
            bool,
            "bool",
        )
        is_required = (
            parameter.kind is inspect.Parameter.KEYWORD_ONLY
            and parameter.default is inspect.Parameter.empty
        )
        is_switch |= isinstance(parameter.default, str)
        is_named = not WORDS.isdisjoint(parameter.name.lower().split("_"))
        if is_required or is_named or (not flags and (is_open or is_switch)):
            raise InputError(
                f"{name}: its argument {parameter.name!r} may say whether it is in "
                f"training, which has to be one of {', '.join(FLAGS)}. {remedy}"
            )
    return flags


def both_modes(door: str) -> str:
    """Says how the arguments of both modes are written down, for `call_flags`."""
    return (
        f"Rename it, or write nn.{door}(..., train=..., evaluate=...) with the keyword "
        "arguments of both."
    )
