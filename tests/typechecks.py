"""The type checker of signatures, as jaxtyping's import hook wants it."""

from collections.abc import Callable, Hashable

from beartype import beartype

CHECKED: dict[Hashable, Callable] = {}


def checked(signature: Callable) -> Callable:
    """beartype's check of a signature, written once for all closures that have it.

    jaxtyping hands over functions of its own, with the signature of what it checks and
    nothing of its body; a closure is a new one at every call of what it stands in.
    """
    annotations = tuple(signature.__annotations__.items())
    key = (signature.__qualname__, signature.__code__.co_varnames, annotations)
    if key not in CHECKED:
        CHECKED[key] = beartype(signature)
    return CHECKED[key]
