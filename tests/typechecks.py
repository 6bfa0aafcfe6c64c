"""The type checker of signatures, as jaxtyping's import hook wants it."""

import inspect
from collections.abc import Callable, Hashable

from beartype import beartype

CHECKED: dict[Hashable, Callable] = {}


def checked(function: Callable) -> Callable:
    """beartype's check of a signature, generated once for all functions that have it.

    jaxtyping hands over functions of its own, which have the signature of what is
    checked and nothing of its body. A function inside another one is defined anew by
    every call, with the same signature.
    """
    signature = inspect.signature(function)
    parameters = tuple(
        (one.name, one.kind, one.annotation, one.default is one.empty)
        for one in signature.parameters.values()
    )
    where = function.__module__, function.__qualname__
    key = (where, parameters, signature.return_annotation)
    if key not in CHECKED:
        CHECKED[key] = beartype(function)
    return CHECKED[key]
