"""The law of all networks: bfloat16 inside, float32 parameters and outputs."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_dtype_policy(make, *inputs):
    whole, half = make(dtype=jnp.float32), make(dtype=jnp.bfloat16)
    variables = whole.init(jax.random.key(0), *inputs)
    shapes = jax.eval_shape(half.init, jax.random.key(0), *inputs)
    for leaf in jax.tree.leaves(shapes):
        assert leaf.dtype == jnp.float32
    outputs = whole.apply(variables, *inputs), half.apply(variables, *inputs)
    assert outputs[0].dtype == outputs[1].dtype == jnp.float32
    np.testing.assert_allclose(*outputs, atol=0.1, rtol=0.1)
    text = jax.jit(half.apply).lower(variables, *inputs).as_text()
    assert "bf16" in text
    return outputs[0]
