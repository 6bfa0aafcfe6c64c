"""Models of several networks: their variables as one mapping of collections."""

from collections.abc import Mapping
from typing import Any

from genjax.typing import Variables


def join_parts(parts: Mapping[str, Variables]) -> dict[str, Any]:
    """Turns `{part: {collection: ...}}` into `{collection: {part: ...}}`.

    >>> join_parts({"a": {"params": 1}, "b": {"params": 2, "batch_stats": 3}})["params"]
    {'a': 1, 'b': 2}
    """
    collections = {name for variables in parts.values() for name in variables}
    return {
        name: {part: own[name] for part, own in parts.items() if name in own}
        for name in sorted(collections)
    }


def part_of(variables: Variables, part: str) -> dict[str, Any]:
    """Returns the variables of one part.

    >>> part_of({"params": {"a": 1, "b": 2}, "batch_stats": {"b": 3}}, "a")
    {'params': 1}
    """
    return {name: parts[part] for name, parts in variables.items() if part in parts}
