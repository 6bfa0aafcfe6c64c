"""How the call of a module says whether it is in training, whatever its library."""

import inspect
from collections.abc import Iterable, Mapping

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


def mode_values(names: Iterable[str], *, training: bool) -> dict[str, bool]:
    """Returns the values that put arguments, or fields, into a mode.

    Args:
        names: some of `FLAGS`.
        training: whether the mode is that of training.

    >>> mode_values(["train", "deterministic"], training=True)
    {'train': True, 'deterministic': False}
    """
    return {name: FLAGS[name] == training for name in names}


def call_flags(module: type, *, door: str) -> list[str]:
    """Returns the arguments of a module's call that say whether it is in training.

    Args:
        module: its class.
        door: the function that takes the arguments of both modes, for the error's
            sentence.

    Raises:
        InputError: an argument may say so by another name.

    >>> class Module:
    ...     def __call__(self, x, *, train: bool = False): ...
    >>> call_flags(Module, door="from_linen")
    ['train']
    """
    parameters = inspect.signature(module.__call__).parameters.values()
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
        if is_required or (not flags and (is_open or is_switch)):
            raise InputError(
                f"{module.__name__}: its argument {parameter.name!r} may say whether "
                f"it is in training, which has to be one of {', '.join(FLAGS)}. Rename "
                f"it, or write nn.{door}(..., train=..., evaluate=...) with the "
                "keyword arguments of both."
            )
    return flags
