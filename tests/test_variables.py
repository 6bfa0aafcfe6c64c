import jax.numpy as jnp

from genjax.variables import (
    changed_collections,
    join_changes,
    join_parts,
    join_sequence,
    part_of,
    parts_of,
    updated,
)


def test_parts_come_back():
    parts = {"a": {"params": 1}, "b": {"params": 2, "batch_stats": 3}, "c": {}}
    joined = join_parts(parts)
    assert set(joined) == {"params", "batch_stats"}
    for name, variables in parts.items():
        assert part_of(joined, name) == variables


def test_parts_of_parts_come_back():
    inner = join_parts({"x": {"params": 1, "constants": 2}, "y": {"params": 3}})
    joined = join_parts({"inner": inner, "other": {"params": 4}})
    assert part_of(joined, "inner") == inner
    assert part_of(part_of(joined, "inner"), "x") == {"params": 1, "constants": 2}


def test_places_are_names():
    parts = [{"params": i, "constants": -i} for i in range(12)]
    assert parts_of(join_sequence(parts), 12) == parts


def test_what_has_changed_replaces_what_was_and_the_rest_stays():
    variables = {
        "params": {"a": 1},
        "batch_stats": {"a": {"mean": 2}, "b": {"mean": 3}},
    }
    changed = join_changes({"a": {"batch_stats": {"mean": 9}}, "b": {}})
    assert updated(variables, changed) == {
        "params": {"a": 1},
        "batch_stats": {"a": {"mean": 9}, "b": {"mean": 3}},
    }
    assert variables["batch_stats"]["a"] == {"mean": 2}


def test_only_collections_with_another_leaf_have_changed():
    w, mean = jnp.ones(2), jnp.zeros(2)
    before = {"params": {"w": w}, "batch_stats": {"mean": mean}}
    after = {"params": {"w": w}, "batch_stats": {"mean": mean + 1}}
    assert set(changed_collections(before, after)) == {"batch_stats"}
    assert changed_collections(before, dict(before)) == {}
