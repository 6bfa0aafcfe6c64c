import jax.numpy as jnp
import numpy as np

from genjax.arrays import as_float32, sum_event, widened


def test_narrow_floats_are_widened_and_nothing_else_changes():
    tree = {
        "half": jnp.ones(2, jnp.bfloat16),
        "float16": jnp.ones(2, jnp.float16),
        "whole": jnp.ones(2),
        "count": jnp.arange(2),
        "mask": jnp.array([True, False]),
    }
    found = {name: leaf.dtype.name for name, leaf in widened(tree).items()}
    assert found == {
        "half": "float32",
        "float16": "float32",
        "whole": "float32",
        "count": "int32",
        "mask": "bool",
    }


def test_everything_can_be_cast_to_floats():
    found = as_float32({"mask": jnp.array([True, False]), "count": jnp.arange(2)})
    assert {leaf.dtype.name for leaf in found.values()} == {"float32"}
    np.testing.assert_array_equal(found["mask"], [1.0, 0.0])


def test_events_are_summed_in_float32():
    # 4096 ones in bfloat16 would stop at 256.
    terms = jnp.ones((2, 64, 64), jnp.bfloat16)
    found = sum_event(terms)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, [4096.0, 4096.0])
    np.testing.assert_array_equal(sum_event(jnp.ones(3)), jnp.ones(3))
