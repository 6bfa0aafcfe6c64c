"""Models of several parts: their variables as one mapping of collections."""

from collections.abc import Callable, Mapping, Sequence

import jax

from genjax.typing import Key, Output, Tree, Variables


def join_parts(parts: Mapping[str, Variables]) -> Variables:
    """Turns `{part: {collection: ...}}` into `{collection: {part: ...}}`.

    `"params"` is always among the collections.

    Args:
        parts: the variables of each part, by its name.

    >>> from genjax.variables import join_parts
    >>> join_parts({"a": {"params": 1}, "b": {"params": 2, "batch_stats": 3}})
    {'batch_stats': {'b': 3}, 'params': {'a': 1, 'b': 2}}
    """
    collections = {name for variables in parts.values() for name in variables}
    return {
        name: {part: own[name] for part, own in parts.items() if name in own}
        for name in sorted(collections | {"params"})
    }


def updated(variables: Variables, changed: Variables) -> Variables:
    """Returns variables with what a pass has changed; the rest stays.

    Args:
        variables: collections by name.
        changed: collections by name; where both hold mappings they are merged, so that
            a part which has not changed need not be named.

    >>> from genjax.variables import updated
    >>> variables = {"params": 1, "batch_stats": {"a": 2, "b": 3}}
    >>> updated(variables, {"batch_stats": {"b": 4}})
    {'params': 1, 'batch_stats': {'a': 2, 'b': 4}}
    """

    def merged(old: Tree, new: Tree) -> Tree:
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            fresh = {k: merged(old[k], v) if k in old else v for k, v in new.items()}
            return {**old, **fresh}
        return new

    return merged(variables, changed)


def join_changes(parts: Mapping[str, Variables]) -> Variables:
    """Joins the collections that parts have changed, `{}` where none has.

    >>> from genjax.variables import join_changes
    >>> join_changes({"a": {}, "b": {"batch_stats": 3}})
    {'batch_stats': {'b': 3}}
    """
    return {k: v for k, v in join_parts(parts).items() if v}


def part_of(variables: Variables, part: str) -> Variables:
    """Returns the variables of one part.

    Args:
        variables: of a model whose parts were joined by `join_parts`.
        part: its name.

    >>> from genjax.variables import part_of
    >>> part_of({"params": {"a": 1, "b": 2}, "batch_stats": {"b": 3}}, "a")
    {'params': 1}
    """
    return {name: parts[part] for name, parts in variables.items() if part in parts}


def join_sequence(parts: Sequence[Variables]) -> Variables:
    """Joins the variables of parts that have places instead of names.

    >>> from genjax.variables import join_sequence
    >>> join_sequence([{"params": 1}, {"params": 2}])
    {'params': {'0': 1, '1': 2}}
    """
    return join_parts({str(i): own for i, own in enumerate(parts)})


def parts_of(variables: Variables, n: int) -> list[Variables]:
    """Returns the variables of `n` parts that were joined by `join_sequence`.

    >>> from genjax.variables import parts_of
    >>> parts_of({"params": {"0": 1, "1": 2}}, 2)
    [{'params': 1}, {'params': 2}]
    """
    return [part_of(variables, str(i)) for i in range(n)]


def changed_collections(before: Variables, after: Variables) -> Variables:
    """Returns the collections of which some leaf is another one than before.

    >>> from genjax.variables import changed_collections
    >>> changed_collections({"a": 1.5, "b": 2.5}, {"a": 1.5, "b": 3.5})
    {'b': 3.5}
    """

    def is_same(name: str) -> bool:
        old, new = (jax.tree.leaves(tree[name]) for tree in (before, after))
        return len(old) == len(new) and all(
            a is b for a, b in zip(old, new, strict=True)
        )

    return {name: after[name] for name in after if not is_same(name)}


def passes_in_turn(
    variables: Variables,
    key: Key,
    passes: Sequence[Callable[[Variables, Key], tuple[Output, Variables]]],
) -> tuple[list[Output], Variables]:
    """Training passes with the same variables, one after the other.

    Each sees the collections that those before it have changed.

    Args:
        variables: of all passes.
        key: from which each has its own.
        passes: `(variables, key) -> (outputs, changed collections)`.

    Returns:
        The outputs of all, and what they have changed together.

    >>> import jax
    >>> from genjax.variables import passes_in_turn
    >>> count = lambda v, key: (v["counter"], {"counter": v["counter"] + 1})
    >>> passes_in_turn({"counter": 3}, jax.random.key(0), [count, count])
    ([3, 4], {'counter': 5})
    """
    outputs, changed = [], {}
    for own, part in zip(passes, jax.random.split(key, len(passes)), strict=True):
        found, more = own(updated(variables, changed), part)
        outputs.append(found)
        changed = updated(changed, more)
    return outputs, changed
