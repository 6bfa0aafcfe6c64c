from genjax.variables import join_parts, part_of


def test_parts_come_back():
    parts = {"a": {"params": 1}, "b": {"params": 2, "batch_stats": 3}, "c": {}}
    joined = join_parts(parts)
    assert set(joined) == {"params", "batch_stats"}
    for name, variables in parts.items():
        assert part_of(joined, name) == variables
